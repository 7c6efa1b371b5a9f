using System.Runtime.InteropServices;

namespace Postern.Server.Serving;

/// <summary>
/// What the system tells the process: SIGTERM and SIGINT begin the drain, a second one ends the process at once; SIGHUP reloads.
/// </summary>
internal sealed class Signals : IDisposable
{
    private readonly TaskCompletionSource stop = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] registrations;

    public Signals(Action reload, Action<int> exit)
    {
        // A shell starts what a script puts behind '&' with SIGINT ignored, and the runtime would leave it so.
        _ = NativeMethods.signal(NativeMethods.SIGINT, NativeMethods.SIG_DFL);
        registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop),
            PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop),
            PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                reload();
            }),
        ];

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            if (!stop.TrySetResult())
            {
                // As a shell reads it: ended by signal 2 or 15.
                exit(context.Signal == PosixSignal.SIGINT ? 130 : 143);
            }
        }
    }

    /// <summary>Done with the first SIGTERM or SIGINT.</summary>
    public Task Stopping => stop.Task;

    public void Dispose()
    {
        foreach (var registration in registrations)
        {
            registration.Dispose();
        }
    }

    private static class NativeMethods
    {
        public const int SIGINT = 2;
        public const nint SIG_DFL = 0;

        [DllImport("libc")]
        public static extern nint signal(int number, nint handler);
    }
}
