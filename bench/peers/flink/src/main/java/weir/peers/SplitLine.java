package weir.peers;

import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichFlatMapFunction;
import org.apache.flink.util.Collector;

/** Splits the lines that Flink's own format reads, without a regular expression, and passes over headers. */
final class SplitLine<T> extends RichFlatMapFunction<String, T> {
    private static final long serialVersionUID = 1;

    private final String header;
    private final Fields.Reader<T> reader;
    private transient Cursor cursor;

    SplitLine(String header, Fields.Reader<T> reader) {
        this.header = header;
        this.reader = reader;
    }

    @Override
    public void open(OpenContext context) {
        cursor = new Cursor();
    }

    @Override
    public void flatMap(String line, Collector<T> out) {
        if (line.equals(header)) {
            return;
        }
        cursor.line = line;
        cursor.at = 0;
        out.collect(reader.read(cursor));
    }

    private static final class Cursor implements Fields {
        private String line;
        private int at;

        @Override
        public long number() {
            int end = end();
            long n = Long.parseLong(line, at, end, 10);
            at = end + 1;
            return n;
        }

        @Override
        public String text() {
            int end = end();
            String text = line.substring(at, end);
            at = end + 1;
            return text;
        }

        @Override
        public void skip() {
            at = end() + 1;
        }

        private int end() {
            int comma = line.indexOf(',', at);
            return comma < 0 ? line.length() : comma;
        }
    }
}
