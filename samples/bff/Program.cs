// The web site's Backend-for-Frontend. Start the services first ('postern demo'), then: dotnet run --project samples/bff
await using var app = Bff.BffApp.Build(args);
await app.RunAsync();
