package weir.peers;

import java.io.Serializable;

/** The fields of a line, from the first to the last. */
interface Fields {
    long number();

    String text();

    void skip();

    /** Makes a record of a line. */
    interface Reader<T> extends Serializable {
        T read(Fields line);
    }
}
