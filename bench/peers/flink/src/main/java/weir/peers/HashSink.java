package weir.peers;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.flink.api.connector.sink2.Sink;
import org.apache.flink.api.connector.sink2.SinkWriter;
import org.apache.flink.api.connector.sink2.WriterInitContext;

/** Keeps nothing of the records but their number and the sum of their hashes, which it leaves in this process. */
final class HashSink<T> implements Sink<T> {
    private static final long serialVersionUID = 1;

    static final AtomicLong ROWS = new AtomicLong();
    static final AtomicLong HASH = new AtomicLong();

    private final Hash.Of<T> hash;

    HashSink(Hash.Of<T> hash) {
        this.hash = hash;
    }

    static void reset() {
        ROWS.set(0);
        HASH.set(0);
    }

    @Override
    public SinkWriter<T> createWriter(WriterInitContext context) {
        return new Writer<>(hash);
    }

    private static final class Writer<T> implements SinkWriter<T> {
        private final Hash.Of<T> of;
        private long rows;
        private long hash;

        Writer(Hash.Of<T> of) {
            this.of = of;
        }

        @Override
        public void write(T record, Context context) {
            rows++;
            hash += of.hash(record);
        }

        @Override
        public void flush(boolean endOfInput) {}

        @Override
        public void close() {
            ROWS.addAndGet(rows);
            HASH.addAndGet(hash);
        }
    }
}
