package weir.peers;

import java.io.Serializable;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** The hash of a record, value by value; that of many records is the sum of theirs. bench/peers/hash.h is the same in C. */
final class Hash {
    /** What makes a hash of a record. */
    interface Of<T> extends Serializable {
        long hash(T record);
    }

    private static final VarHandle WORD = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

    private Hash() {}

    static long of(long hash, long value) {
        long h = (hash ^ value) * 0x9e3779b97f4a7c15L;
        return h ^ h >>> 32;
    }

    static long of(long hash, double value) {
        return of(hash, Double.doubleToRawLongBits(value));
    }

    /** What word i of a text adds: one does not wait for another, so that it is the job that is measured and not its check. */
    private static long ofWord(long i, long word) {
        return of((i + 1) * 0xc2b2ae3d27d4eb4fL, word);
    }

    /** Its length, then the sum of what its bytes by eights add, the last ones filled up with zeros. */
    static long of(long hash, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        int whole = bytes.length >>> 3;
        long sum = 0;
        for (int i = 0; i < whole; i++) {
            sum += ofWord(i, (long) WORD.get(bytes, i << 3));
        }
        if ((bytes.length & 7) != 0) {
            long word = 0;
            for (int k = bytes.length - 1; k >= whole << 3; k--) {
                word = word << 8 | bytes[k] & 0xff;
            }
            sum += ofWord(whole, word);
        }
        return of(of(hash, (long) bytes.length), sum);
    }
}
