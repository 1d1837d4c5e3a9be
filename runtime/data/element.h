/* data/element.h - what travels through chains and rings: rows, watermarks, idle marks, barriers, end of input. */
#ifndef WEIR_DATA_ELEMENT_H
#define WEIR_DATA_ELEMENT_H

#include "data/rows.h"

/* The numbers are in memory only. */
enum weir_element_kind {
    WEIR_ELEMENT_NONE = 0,
    WEIR_ELEMENT_ROWS = 1,
    WEIR_ELEMENT_WATERMARK = 2, /* value: ms */
    WEIR_ELEMENT_IDLE = 3,      /* value: 1 idle, 0 active */
    WEIR_ELEMENT_BARRIER = 4,   /* value: checkpoint id; nobody sends one yet */
    WEIR_ELEMENT_END = 5        /* nothing follows; value: one of the two below */
};
#define WEIR_END_OF_INPUT 0 /* the input is complete */
#define WEIR_END_STOPPED 1  /* the job was stopped: event time did not end, operators do not finish, sinks do */
struct weir_element {
    uint32_t kind, port; /* port: output port in an outbox (WEIR_ALL_PORTS for all but rows); unused in rings */
    union {
        struct weir_rows *rows; /* a reference of the element's own */
        int64_t value;
    };
};
#define WEIR_ALL_PORTS UINT32_MAX

#endif
