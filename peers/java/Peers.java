import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Locale;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The crowd of w2 on java.util.concurrent.Semaphore. Reads requests, one a line:
 * {@code fair|nonfair threads permits section_ns window_ms clocked_window_ms}; answers {@code ops/s jain longest_us}.
 */
public final class Peers {
    /** Milliseconds that threads run before anything counts, as on the other side. */
    static final long SETTLE = 12;
    static final int STARTING = 0;
    static final int SETTLING = 1;
    static final int COUNTING = 2;
    static final int STOPPED = 3;

    static volatile int phase;
    static volatile long sink;
    static double stepsPerMicro;

    static long work(int steps) {
        long x = 1;
        for (int i = 0; i < steps; i++) {
            x = x * 6364136223846793005L + 1442695040888963407L;
        }
        return x;
    }

    /** As on the other side: pure arithmetic, timed when it is compiled and the fastest try taken. */
    static void calibrate() {
        final int steps = 1_000_000;
        double best = 0;
        for (int i = 0; i < 40; i++) {
            long start = System.nanoTime();
            sink += work(steps);
            best = Math.max(best, steps * 1e3 / (System.nanoTime() - start));
        }
        stepsPerMicro = best;
    }

    static final class Worker extends Thread {
        final Semaphore semaphore;
        final AtomicInteger arrived;
        final int steps;
        final boolean clocked;
        long turns;
        long longest;

        Worker(Semaphore semaphore, AtomicInteger arrived, int steps, boolean clocked) {
            this.semaphore = semaphore;
            this.arrived = arrived;
            this.steps = steps;
            this.clocked = clocked;
        }

        @Override
        public void run() {
            arrived.incrementAndGet();
            // As on the other side: a barrier that wakes its threads one by one takes seconds among those at work.
            while (phase == STARTING) {
                Thread.yield();
            }
            long x = clocked ? timed() : untimed();
            sink += x;
        }

        private long untimed() {
            long n = 0;
            long x = 0;
            while (phase == SETTLING) {
                semaphore.acquireUninterruptibly();
                x += work(steps);
                semaphore.release();
            }
            while (phase == COUNTING) {
                semaphore.acquireUninterruptibly();
                x += work(steps);
                semaphore.release();
                n++;
            }
            turns = n;
            return x;
        }

        private long timed() {
            long n = 0;
            long x = 0;
            long most = 0;
            long before = System.nanoTime();
            while (phase != STOPPED) {
                semaphore.acquireUninterruptibly();
                x += work(steps);
                semaphore.release();
                long after = System.nanoTime();
                if (phase != SETTLING) {
                    most = Math.max(most, after - before);
                    n++;
                }
                before = after;
            }
            turns = n;
            longest = most;
            return x;
        }
    }

    /** Runs one window and returns {ops/s, jain, longest wait in microseconds}. */
    static double[] crowd(boolean fair, int threads, int permits, int sectionNs, long windowMs, boolean clocked)
            throws Exception {
        Semaphore semaphore = new Semaphore(permits, fair);
        AtomicInteger arrived = new AtomicInteger();
        int steps = (int) Math.round(sectionNs * stepsPerMicro / 1e3);
        phase = STARTING;
        Worker[] workers = new Worker[threads];
        for (int i = 0; i < threads; i++) {
            workers[i] = new Worker(semaphore, arrived, steps, clocked);
            workers[i].start();
        }
        while (arrived.get() < threads) {
            Thread.yield();
        }
        phase = SETTLING;
        Thread.sleep(SETTLE);
        long start = System.nanoTime();
        phase = COUNTING;
        Thread.sleep(windowMs);
        phase = STOPPED;
        long end = System.nanoTime();
        long longest = 0;
        double sum = 0;
        double squares = 0;
        for (Worker worker : workers) {
            worker.join();
            longest = Math.max(longest, worker.longest);
            sum += worker.turns;
            squares += (double) worker.turns * worker.turns;
        }
        double jain = squares == 0 ? 1 : sum * sum / (threads * squares);
        return new double[] {sum * 1e9 / (end - start), jain, longest / 1e3};
    }

    public static void main(String[] arguments) throws Exception {
        calibrate();
        for (int i = 0; i < 10; i++) {
            for (boolean clocked : new boolean[] {false, true}) {
                crowd(false, 4, 2, 50, 40, clocked);
                crowd(true, 4, 2, 50, 40, clocked);
            }
        }
        System.out.println("ready");
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] ask = line.split(" ");
            boolean fair = ask[0].equals("fair");
            int threads = Integer.parseInt(ask[1]);
            int permits = Integer.parseInt(ask[2]);
            int sectionNs = Integer.parseInt(ask[3]);
            double[] free = crowd(fair, threads, permits, sectionNs, Long.parseLong(ask[4]), false);
            double[] clocked = crowd(fair, threads, permits, sectionNs, Long.parseLong(ask[5]), true);
            System.out.println(String.format(Locale.ROOT, "%f %f %f", free[0], free[1], clocked[2]));
        }
    }
}
