package weir.peers;

import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Locale;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.PipelineOptions;
import org.apache.flink.configuration.StateBackendOptions;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Runs one job again and again on a cluster inside this process: once for every line of standard input, each answered by a
 * line of JSON. Cluster and process stay, so that later runs find them warm.
 *
 * <p>usage: Main JOB INPUT csv|lines|bytes PARALLELISM CHECKPOINT_MS CHECKPOINT_FOLDER (0 ms: no checkpoints)
 */
public final class Main {
    private Main() {}

    public static void main(String[] args) throws Exception {
        Jobs.Input input = new Jobs.Input(args[1], args[2]);
        int parallelism = Integer.parseInt(args[3]);
        Configuration configuration = configuration(Long.parseLong(args[4]), args[5]);
        MiniClusterConfiguration local =
                new MiniClusterConfiguration.Builder()
                        .setConfiguration(configuration)
                        .setNumTaskManagers(1)
                        .setNumSlotsPerTaskManager(parallelism)
                        .withRandomPorts()
                        .build();
        try (MiniCluster cluster = new MiniCluster(local);
                BufferedReader commands = new BufferedReader(new InputStreamReader(System.in))) {
            cluster.start();
            while (commands.readLine() != null) {
                System.out.println(run(cluster, configuration, args[0], input, parallelism));
                System.out.flush();
            }
        }
        System.exit(0);
    }

    private static String run(
            MiniCluster cluster, Configuration configuration, String job, Jobs.Input input, int parallelism)
            throws Exception {
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(configuration);
        env.setParallelism(parallelism);
        Jobs.build(job, env, input);
        JobGraph graph = env.getStreamGraph().getJobGraph();
        HashSink.reset();
        long cpu = cpuNanos();
        long begin = System.nanoTime();
        cluster.executeJobBlocking(graph);
        long took = System.nanoTime() - begin;
        return String.format(
                Locale.ROOT,
                "{\"seconds\": %.3f, \"cpu\": %.3f, \"peak_kib\": %d, \"rows\": %d, \"hash\": \"%s\"}",
                took / 1e9,
                (cpuNanos() - cpu) / 1e9,
                peakKib(),
                HashSink.ROWS.get(),
                Long.toUnsignedString(HashSink.HASH.get()));
    }

    /** Of all threads of this process: the compiler's and the collector's too. */
    private static long cpuNanos() {
        return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime();
    }

    private static Configuration configuration(long checkpointMs, String folder) {
        Configuration c = new Configuration();
        c.set(PipelineOptions.OBJECT_REUSE, true);
        c.set(PipelineOptions.GENERIC_TYPES, false); // a type that would go through Kryo fails
        c.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        if (checkpointMs > 0) {
            c.set(CheckpointingOptions.CHECKPOINTING_INTERVAL, Duration.ofMillis(checkpointMs));
            c.set(CheckpointingOptions.CHECKPOINTING_CONSISTENCY_MODE, CheckpointingMode.EXACTLY_ONCE);
            c.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
            c.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, Path.of(folder).toUri().toString());
        }
        return c;
    }

    /** The most memory that this process has held, as the kernel counts it. */
    private static long peakKib() throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }
}
