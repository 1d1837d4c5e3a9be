/* weir/plugin.h - the whole ABI in one include, without the author's macros (weir/udf.h has them). C11, C17, C++17. */
#ifndef WEIR_PLUGIN_H
#define WEIR_PLUGIN_H

#include <weir/abi.h>
#include <weir/aggregate.h>
#include <weir/arrow.h>
#include <weir/async.h>
#include <weir/backend.h>
#include <weir/component.h>
#include <weir/data.h>
#include <weir/format.h>
#include <weir/host.h>
#include <weir/io.h>
#include <weir/join.h>
#include <weir/metrics.h>
#include <weir/operator.h>
#include <weir/partitioner.h>
#include <weir/sink.h>
#include <weir/source.h>
#include <weir/storage.h>
#include <weir/watermark.h>
#include <weir/window.h>

#endif
