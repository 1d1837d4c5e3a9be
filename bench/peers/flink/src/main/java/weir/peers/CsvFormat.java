package weir.peers;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import javax.annotation.Nullable;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.file.src.reader.SimpleStreamFormat;
import org.apache.flink.connector.file.src.reader.StreamFormat;
import org.apache.flink.core.fs.FSDataInputStream;

/**
 * Lines of CSV without quotes, below a header, made records of by hand and from their bytes: no String is made but of a
 * field that is one. Texts are ASCII here, so that costs one copy.
 */
final class CsvFormat<T> extends SimpleStreamFormat<T> {
    private static final long serialVersionUID = 1;

    private final Fields.Reader<T> line;
    private final Class<T> type;

    CsvFormat(Class<T> type, Fields.Reader<T> line) {
        this.type = type;
        this.line = line;
    }

    @Override
    public StreamFormat.Reader<T> createReader(Configuration config, FSDataInputStream stream) {
        return new LineReader<>(line, stream);
    }

    @Override
    public TypeInformation<T> getProducedType() {
        return TypeInformation.of(type);
    }

    private static final class Cursor implements Fields {
        private byte[] bytes;
        private int at;

        @Override
        public long number() {
            final byte[] b = bytes;
            int i = at;
            boolean negative = b[i] == '-';
            if (negative) {
                i++;
            }
            long n = 0;
            for (int digit; (digit = b[i] - '0') >= 0; i++) {
                n = n * 10 + digit;
            }
            at = i + 1;
            return negative ? -n : n;
        }

        @Override
        public String text() {
            int from = at;
            skip();
            return new String(bytes, from, at - 1 - from, StandardCharsets.ISO_8859_1);
        }

        @Override
        public void skip() {
            final byte[] b = bytes;
            int i = at;
            while (b[i] != ',' && b[i] != '\n') {
                i++;
            }
            at = i + 1;
        }
    }

    private static final class LineReader<T> implements StreamFormat.Reader<T> {
        private final Fields.Reader<T> line;
        private final FSDataInputStream stream;
        private final Cursor cursor = new Cursor();
        private byte[] bytes = new byte[1 << 16];
        private int next; // where the next line begins
        private int read; // so many bytes are there
        private int whole; // up to here they are whole lines

        LineReader(Fields.Reader<T> line, FSDataInputStream stream) {
            this.line = line;
            this.stream = stream;
            cursor.bytes = bytes;
        }

        @Nullable
        @Override
        public T read() throws IOException {
            if (next == whole && !fill()) {
                return null;
            }
            cursor.at = next;
            T record = line.read(cursor);
            next = cursor.at;
            return record;
        }

        /** Reads on until there is a whole line; false at the end. */
        private boolean fill() throws IOException {
            boolean first = cursor.at == 0 && read == 0;
            System.arraycopy(bytes, next, bytes, 0, read - next);
            read -= next;
            next = 0;
            for (whole = 0; whole == 0; whole = behindLastLine()) {
                if (read == bytes.length) {
                    bytes = Arrays.copyOf(bytes, 2 * bytes.length);
                    cursor.bytes = bytes;
                }
                int got = stream.read(bytes, read, bytes.length - read);
                if (got < 0) {
                    if (read > 0) {
                        throw new IOException("the last line does not end");
                    }
                    return false;
                }
                read += got;
            }
            if (first) {
                while (bytes[next++] != '\n') {} // the header
                return next < whole || fill();
            }
            return true;
        }

        private int behindLastLine() {
            int i = read;
            while (i > 0 && bytes[i - 1] != '\n') {
                i--;
            }
            return i;
        }

        @Override
        public void close() throws IOException {
            stream.close();
        }
    }
}
