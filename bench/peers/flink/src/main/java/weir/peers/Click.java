package weir.peers;

/** A page view: what the window count reads of a line. */
public class Click {
    public String url;
    public long at;

    public Click() {}
}
