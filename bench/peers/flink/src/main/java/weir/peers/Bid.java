package weir.peers;

/** A bid of an auction. `extra` is null where the query does not read it. */
public class Bid {
    public long auction;
    public long bidder;
    public long price;
    public long at;
    public String extra;

    public Bid() {}
}
