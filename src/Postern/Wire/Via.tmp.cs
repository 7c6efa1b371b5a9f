namespace Postern.Wire;
internal static class Via { public static string Entry(string p)=>p; }
