package weir.peers;

import java.time.Duration;
import org.apache.flink.api.common.eventtime.SerializableTimestampAssigner;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.formats.csv.CsvReaderFormat;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.DeserializationFeature;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.dataformat.csv.CsvMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.dataformat.csv.CsvSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.types.LongValue;
import org.apache.flink.util.Collector;

/** The jobs; bench/peers/jobs holds weir's of the same names. */
final class Jobs {
    private Jobs() {}

    static void build(String name, StreamExecutionEnvironment env, Input input) {
        switch (name) {
            case "clicks_source" -> clicks(env, input).sinkTo(new HashSink<>(c -> 0));
            case "clicks" -> countClicks(clicks(env, input));
            case "q0" -> bids(env, input, true).sinkTo(new HashSink<>(Jobs::hashOf));
            case "q0_source" -> bids(env, input, true).sinkTo(new HashSink<>(b -> 0));
            case "bids_source" -> bids(env, input, false).sinkTo(new HashSink<>(b -> 0));
            case "q1" -> euros(bids(env, input, false));
            case "q2" -> some(bids(env, input, false));
            case "q5" -> hottest(bids(env, input, false));
            case "q11" -> sessions(bids(env, input, false));
            default -> throw new IllegalArgumentException("no job '" + name + "'");
        }
    }

    /** A folder, and how its files are read: by Flink's CSV format, by its line format, by a format of our own for bytes. */
    record Input(String folder, String reader) {}

    // ---- inputs --------------------------------------------------------------------------------------------------

    private static Click readClick(Fields line) {
        Click c = new Click();
        line.skip(); // the user
        c.url = line.text();
        c.at = line.number();
        return c;
    }

    private static Bid readBid(Fields line) {
        Bid b = new Bid();
        b.auction = line.number();
        b.bidder = line.number();
        b.price = line.number();
        b.at = line.number();
        return b;
    }

    private static Bid readBidWithExtra(Fields line) {
        Bid b = readBid(line);
        b.extra = line.text();
        return b;
    }

    private static Bid readBidWithoutExtra(Fields line) {
        Bid b = readBid(line);
        line.skip();
        return b;
    }

    private static DataStream<Click> clicks(StreamExecutionEnvironment env, Input input) {
        return read(env, input, Click.class, "user,url,at", Jobs::readClick, (c, t) -> c.at);
    }

    private static DataStream<Bid> bids(StreamExecutionEnvironment env, Input input, boolean extra) {
        Fields.Reader<Bid> reader = extra ? Jobs::readBidWithExtra : Jobs::readBidWithoutExtra;
        return read(env, input, Bid.class, "auction,bidder,price,at,extra", reader, (b, t) -> b.at);
    }

    private static <T> DataStream<T> read(
            StreamExecutionEnvironment env,
            Input input,
            Class<T> type,
            String header,
            Fields.Reader<T> reader,
            SerializableTimestampAssigner<T> time) {
        Path path = new Path(input.folder);
        WatermarkStrategy<T> watermarks = WatermarkStrategy.<T>forMonotonousTimestamps().withTimestampAssigner(time);
        return switch (input.reader) {
            case "csv" -> env.fromSource(
                    FileSource.forRecordStreamFormat(csv(type, header), path).build(), watermarks, "rows");
            case "lines" -> env.fromSource(
                            FileSource.forRecordStreamFormat(new TextLineInputFormat(), path).build(),
                            WatermarkStrategy.noWatermarks(),
                            "lines")
                    .flatMap(new SplitLine<>(header, reader))
                    .returns(type)
                    .assignTimestampsAndWatermarks(watermarks);
            case "bytes" -> env.fromSource(
                    FileSource.forRecordStreamFormat(new CsvFormat<>(type, reader), path).build(), watermarks, "rows");
            default -> throw new IllegalArgumentException("no reader '" + input.reader + "'");
        };
    }

    /** Flink's own CSV. Columns that the record has no field for are passed over. */
    private static <T> CsvReaderFormat<T> csv(Class<T> type, String header) {
        CsvSchema.Builder schema = CsvSchema.builder().setSkipFirstDataRow(true);
        for (String column : header.split(",")) {
            schema.addColumn(column);
        }
        CsvSchema columns = schema.build();
        return CsvReaderFormat.forSchema(
                () -> CsvMapper.builder().disable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES).build(),
                mapper -> columns,
                TypeInformation.of(type));
    }

    // ---- clicks by url and ten seconds ---------------------------------------------------------------------------

    private static void countClicks(DataStream<Click> clicks) {
        clicks.map(c -> c.url)
                .returns(Types.STRING) // nothing else goes through the exchange
                .keyBy(url -> url)
                .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
                .aggregate(new Count<>(), new CountOfWindow<>(), COUNT, COUNT, COUNT_OF_TEXT)
                .sinkTo(new HashSink<>(r -> Hash.of(Hash.of(Hash.of(0, r.f0), (long) r.f1), (long) r.f2)));
    }

    private static final TypeInformation<LongValue> COUNT = Types.VALUE(LongValue.class);
    private static final TypeInformation<Tuple3<String, Long, Long>> COUNT_OF_TEXT =
            Types.TUPLE(Types.STRING, Types.LONG, Types.LONG);
    private static final TypeInformation<Tuple3<Long, Long, Long>> COUNT_OF_NUMBER =
            Types.TUPLE(Types.LONG, Types.LONG, Types.LONG);

    /** Counts in place: nothing is allocated for a record whose key is known. */
    private static final class Count<T> implements AggregateFunction<T, LongValue, LongValue> {
        @Override
        public LongValue createAccumulator() {
            return new LongValue(0);
        }

        @Override
        public LongValue add(T record, LongValue count) {
            count.setValue(count.getValue() + 1);
            return count;
        }

        @Override
        public LongValue getResult(LongValue count) {
            return count;
        }

        @Override
        public LongValue merge(LongValue a, LongValue b) {
            a.setValue(a.getValue() + b.getValue());
            return a;
        }
    }

    /** (key, end of the window, count) */
    private static final class CountOfWindow<K>
            extends ProcessWindowFunction<LongValue, Tuple3<K, Long, Long>, K, TimeWindow> {
        @Override
        public void process(K key, Context context, Iterable<LongValue> counts, Collector<Tuple3<K, Long, Long>> out) {
            out.collect(Tuple3.of(key, context.window().getEnd(), counts.iterator().next().getValue()));
        }
    }

    // ---- Nexmark -------------------------------------------------------------------------------------------------

    private static long hashOf(Bid b) {
        long h = Hash.of(Hash.of(Hash.of(Hash.of(0, b.auction), b.bidder), b.price), b.at);
        return Hash.of(h, b.extra);
    }

    /** q1 */
    private static void euros(DataStream<Bid> bids) {
        bids.map(
                        b -> {
                            EuroBid e = new EuroBid();
                            e.auction = b.auction;
                            e.bidder = b.bidder;
                            e.price = b.price * 0.908;
                            e.at = b.at;
                            return e;
                        })
                .returns(EuroBid.class)
                .sinkTo(new HashSink<>(e -> Hash.of(Hash.of(Hash.of(Hash.of(0, e.auction), e.bidder), e.price), e.at)));
    }

    /** A bid in euros. */
    public static class EuroBid {
        public long auction;
        public long bidder;
        public double price;
        public long at;

        public EuroBid() {}
    }

    /** q2 */
    private static void some(DataStream<Bid> bids) {
        bids.filter(b -> b.auction % 123 == 0)
                .map(b -> Tuple2.of(b.auction, b.price))
                .returns(Types.TUPLE(Types.LONG, Types.LONG))
                .sinkTo(new HashSink<>(r -> Hash.of(Hash.of(0, (long) r.f0), (long) r.f1)));
    }

    /** q11 */
    private static void sessions(DataStream<Bid> bids) {
        bids.map(b -> b.bidder)
                .returns(Types.LONG)
                .keyBy(bidder -> bidder)
                .window(EventTimeSessionWindows.withGap(Duration.ofSeconds(10)))
                .aggregate(new Count<>(), new CountOfWindow<>(), COUNT, COUNT, COUNT_OF_NUMBER)
                .sinkTo(new HashSink<>(r -> Hash.of(Hash.of(Hash.of(0, (long) r.f0), (long) r.f1), (long) r.f2)));
    }

    /** q5 */
    private static void hottest(DataStream<Bid> bids) {
        bids.map(b -> b.auction)
                .returns(Types.LONG)
                .keyBy(auction -> auction)
                .window(SlidingEventTimeWindows.of(Duration.ofSeconds(10), Duration.ofSeconds(2)))
                .aggregate(new Count<>(), new CountOfWindow<>(), COUNT, COUNT, COUNT_OF_NUMBER)
                .keyBy(counted -> counted.f1)
                .process(new Hottest())
                .sinkTo(new HashSink<>(r -> Hash.of(Hash.of(Hash.of(0, (long) r.f0), (long) r.f1), (long) r.f2)));
    }

    /** Of (auction, end of the window, count) those with the largest count of a window: (end, auction, count). */
    private static final class Hottest
            extends KeyedProcessFunction<Long, Tuple3<Long, Long, Long>, Tuple3<Long, Long, Long>> {
        private transient ListState<Tuple3<Long, Long, Long>> largest;

        @Override
        public void open(OpenContext context) {
            largest = getRuntimeContext().getListState(new ListStateDescriptor<>("largest", COUNT_OF_NUMBER));
        }

        @Override
        public void processElement(
                Tuple3<Long, Long, Long> counted, Context context, Collector<Tuple3<Long, Long, Long>> out)
                throws Exception {
            Tuple3<Long, Long, Long> first = null;
            for (Tuple3<Long, Long, Long> one : largest.get()) {
                first = one;
                break;
            }
            if (first == null) {
                context.timerService().registerEventTimeTimer(counted.f1);
            } else if (counted.f2 < first.f2) {
                return;
            } else if (counted.f2 > first.f2) {
                largest.clear();
            }
            largest.add(Tuple3.of(counted.f1, counted.f0, counted.f2)); // object reuse: the record is not ours
        }

        @Override
        public void onTimer(long time, OnTimerContext context, Collector<Tuple3<Long, Long, Long>> out) throws Exception {
            for (Tuple3<Long, Long, Long> one : largest.get()) {
                out.collect(one);
            }
            largest.clear();
        }
    }
}
