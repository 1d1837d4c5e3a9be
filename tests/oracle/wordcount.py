#!/usr/bin/env python3
"""Oracle of examples/wordcount: a line "word,count so far" for every word, in the order of the text.

    wordcount.py river.txt > expected.csv

A word is a run of ASCII letters, digits and characters beyond ASCII; ASCII letters become small.
"""
import collections
import re
import sys

WORD = re.compile(rb"[A-Za-z0-9\x80-\xff]+")


def main():
    seen = collections.Counter()
    with open(sys.argv[1], "rb") as file:
        for line in file:
            for word in WORD.findall(line):
                word = word.lower()  # of bytes: ASCII only
                seen[word] += 1
                sys.stdout.buffer.write(word + b",%d\n" % seen[word])


if __name__ == "__main__":
    main()
