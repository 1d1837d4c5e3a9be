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

    /** Its length, then its bytes by eights, the last ones filled up with zeros. */
    static long of(long hash, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        long h = of(hash, (long) bytes.length);
        int i = 0;
        for (; i + 8 <= bytes.length; i += 8) {
            h = of(h, (long) WORD.get(bytes, i));
        }
        if (i < bytes.length) {
            long word = 0;
            for (int k = bytes.length - 1; k >= i; k--) {
                word = word << 8 | bytes[k] & 0xff;
            }
            h = of(h, word);
        }
        return h;
    }
}
