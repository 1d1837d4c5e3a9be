"""Savepoints read by nothing but docs/formats/savepoint.md: a msgpack reader of its own, XXH3-64, and the layout of files.

Nothing here shares a line or a library with the runtime, so that what both read is what the document says."""
import os
import struct

BLOCK = 65536


# ---- msgpack ----


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if self.at + n > len(self.data):
            raise ValueError(f"ends at byte {len(self.data)}")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def value(self):
        tag = self.number("B")
        if tag < 0x80 or tag >= 0xe0:
            return tag - (256 if tag >= 0xe0 else 0)
        if tag < 0x90:
            return self.map(tag & 15)
        if tag < 0xa0:
            return [self.value() for _ in range(tag & 15)]
        if tag < 0xc0:
            return Text(self.take(tag & 31))
        simple = {0xc0: None, 0xc2: False, 0xc3: True}
        if tag in simple:
            return simple[tag]
        lengths = {0xc4: "B", 0xc5: "H", 0xc6: "I", 0xd9: "B", 0xda: "H", 0xdb: "I", 0xdc: "H", 0xdd: "I", 0xde: "H",
                   0xdf: "I"}
        if tag in lengths:
            n = self.number(lengths[tag])
            if tag <= 0xc6:
                return self.take(n)
            if tag <= 0xdb:
                return Text(self.take(n))
            return [self.value() for _ in range(n)] if tag <= 0xdd else self.map(n)
        numbers = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q", 0xd0: "b", 0xd1: "h",
                   0xd2: "i", 0xd3: "q"}
        return self.number(numbers[tag])

    def map(self, n):
        return {self.value(): self.value() for _ in range(n)}


class Text(bytes):
    """A str of msgpack; equal to, and hashed as, the Python text."""

    def __eq__(self, other):
        return self.decode() == other if isinstance(other, str) else bytes.__eq__(self, other)

    def __hash__(self):
        return hash(self.decode())


def values(data):
    reader = Reader(data)
    while reader.at < len(data):
        yield reader.value()


# ---- XXH3-64, seed 0 (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md) ----

M = (1 << 64) - 1
P32 = (0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D)
P64 = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)
MX1, MX2 = 0x165667919E3779F9, 0x9FB21C651E98DF25
SECRET = bytes.fromhex(
    "b8fe6c3923a44bbe7c01812cf721ad1cded46de9839097db7240a4a4b7b3671fcb79e64eccc0e578825ad07dccff7221b8084674f743248e"
    "e03590e6813a264c3c2852bb91c300cb88d0658b1b532ea371644897a20df94e3819ef46a9deacd8a8fa763fe39c343ff9dcbbc7c70b4f1d"
    "8a51e04bcdb45931c89f7ec9d9787364eac5ac8334d3ebc3c581a0fffa1363eb170ddd51b7f0da49d316552629d4689e2b16be587d47a1fc"
    "8ff8b8d17ad031ce45cb3a8f95160428afd7fbcabb4b407e")


def u64(b, at):
    return struct.unpack_from("<Q", b, at)[0]


def u32(b, at):
    return struct.unpack_from("<I", b, at)[0]


def avalanche(h):
    h = (h ^ h >> 37) * MX1 & M
    return h ^ h >> 32


def avalanche64(h):
    h = (h ^ h >> 33) * P64[1] & M
    h = (h ^ h >> 29) * P64[2] & M
    return h ^ h >> 32


def fold(a, b):
    product = a * b
    return product & M ^ product >> 64


def swap64(v):
    return int.from_bytes(v.to_bytes(8, "little"), "big")


def mix16(b, at, secret):
    return fold(u64(b, at) ^ u64(SECRET, secret), u64(b, at + 8) ^ u64(SECRET, secret + 8))


def xxh3_short(b):
    n = len(b)
    if n == 0:
        return avalanche64(u64(SECRET, 56) ^ u64(SECRET, 64))
    if n < 4:
        combined = b[0] << 16 | b[n >> 1] << 24 | b[n - 1] | n << 8
        return avalanche64(combined ^ u32(SECRET, 0) ^ u32(SECRET, 4))
    if n < 9:
        h = u32(b, n - 4) + (u32(b, 0) << 32) ^ u64(SECRET, 8) ^ u64(SECRET, 16)
        h ^= (h << 49 | h >> 15) & M ^ (h << 24 | h >> 40) & M
        h = h * MX2 & M
        h = (h ^ (h >> 35) + n) * MX2 & M
        return h ^ h >> 28
    low = u64(SECRET, 24) ^ u64(SECRET, 32) ^ u64(b, 0)
    high = u64(SECRET, 40) ^ u64(SECRET, 48) ^ u64(b, n - 8)
    return avalanche(n + swap64(low) + high + fold(low, high) & M)


def xxh3_middle(b):
    n = len(b)
    h = n * P64[0] & M
    if n <= 128:
        for i in range((n - 1) // 32, -1, -1):
            h += mix16(b, 16 * i, 32 * i) + mix16(b, n - 16 * (i + 1), 32 * i + 16)
        return avalanche(h & M)
    for i in range(8):
        h += mix16(b, 16 * i, 16 * i)
    h = avalanche(h & M)
    for i in range(8, n // 16):
        h += mix16(b, 16 * i, 16 * (i - 8) + 3)
    return avalanche(h + mix16(b, n - 16, 136 - 17) & M)


def accumulate(acc, b, at, secret):
    for i in range(8):
        value = u64(b, at + 8 * i)
        keyed = value ^ u64(SECRET, secret + 8 * i)
        acc[i ^ 1] = acc[i ^ 1] + value & M
        acc[i] = acc[i] + (keyed & 0xFFFFFFFF) * (keyed >> 32) & M


def xxh3(b):
    n = len(b)
    if n <= 16:
        return xxh3_short(b)
    if n <= 240:
        return xxh3_middle(b)
    acc = [P32[2], P64[0], P64[1], P64[2], P64[3], P32[1], P64[4], P32[0]]
    stripes = (n - 1) // 64
    for stripe in range(stripes):
        accumulate(acc, b, 64 * stripe, 8 * (stripe % 16))
        if stripe % 16 == 15:
            for i in range(8):
                acc[i] = (acc[i] ^ acc[i] >> 47 ^ u64(SECRET, 128 + 8 * i)) * P32[0] & M
    accumulate(acc, b, n - 64, 192 - 64 - 7)
    h = n * P64[0] & M
    for i in range(4):
        h += fold(acc[2 * i] ^ u64(SECRET, 11 + 16 * i), acc[2 * i + 1] ^ u64(SECRET, 11 + 16 * i + 8))
    return avalanche(h & M)


# ---- savepoints ----


def read_metadata(data):
    if data[-9] != 0xcf or int.from_bytes(data[-8:], "big") != xxh3(data[:-9]):
        raise ValueError("_metadata: the checksum does not fit")
    (metadata,) = values(data[:-9])
    return metadata


def read(directory):
    """The metadata, and {(node, subtask): (header, entries, {list: items})}, with all checksums compared."""
    with open(os.path.join(directory, "_metadata"), "rb") as file:
        metadata = read_metadata(file.read())
    parts = {}
    for operator in metadata["operators"]:
        for part in operator["parts"]:
            files = [split(file, read_file(directory, file)) for file in [*part.get("earlier", []), part]]
            parts[operator["id"].decode(), part["subtask"]] = merge(files)
    assert metadata["version"] == 2 or not any("earlier" in part for operator in metadata["operators"]
                                               for part in operator["parts"])
    return metadata, parts


def read_file(directory, part):
    with open(os.path.join(directory, part["file"].decode()), "rb") as file:
        data = file.read()
    if len(data) != part["length"]:
        raise ValueError(f"{part['file']}: its length does not fit")
    if [xxh3(data[at:at + BLOCK]) for at in range(0, len(data), BLOCK)] != part["xxh3"]:
        raise ValueError(f"{part['file']}: a checksum does not fit")
    return data


def merge(files):
    """The last one, with what it changes of the earlier ones in its place."""
    header, last, lists = files[-1]
    if len(files) == 1:
        return files[0]
    there = {}
    for earlier, entries, _ in files:
        assert earlier == header
        for group, state, namespace, key, value in entries:
            place = group, state, namespace, repr(key)
            if state < 0:
                continue
            if key is None:
                there = {place: entry for place, entry in there.items() if place[:3] != (group, state, namespace)}
            elif value is None:
                there.pop(place, None)
            else:
                there[place] = [group, state, namespace, key, value]
    return header, list(there.values()) + [entry for entry in last if entry[1] < 0], lists


def split(part, data):
    at = part["header"]
    (header,) = values(data[:at]) if at else (None,)
    entries, lists = [], {}
    for group, length in part["groups"]:
        entries += values(data[at:at + length])
        assert all(entry[0] == group for entry in entries[-1:])
        at += length
    for described in part["lists"]:
        lists[described["name"].decode()] = list(values(data[at:at + described["length"]]))
        assert len(lists[described["name"].decode()]) == described["items"]
        at += described["length"]
    assert at == len(data) and len(entries) == part["entries"]
    return header, entries, lists
