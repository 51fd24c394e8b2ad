// A counter's worth of the native engine: enough to show that a model loads, runs, records and is our own.
#include "Vcounter.h"
#include "step.h"
#include "verilated.h"
#if VM_TRACE_FST
#include "verilated_fst_c.h"
#endif

extern "C" int count(int cycles, const char* waves) {
    VerilatedContext context;
    Vcounter top{&context};
#if VM_TRACE_FST
    VerilatedFstC fst;
    if (waves) {
        context.traceEverOn(true);
        top.trace(&fst, 99);
        fst.open(waves);
    }
#endif
    top.rst = 0;
    top.enable = 1;
    for (int edge = 0; edge < 2 * cycles; edge++) {
        top.clk = edge & 1;
        top.eval();
#if VM_TRACE_FST
        if (waves) fst.dump(context.time());
#endif
        context.timeInc(STEP);
    }
#if VM_TRACE_FST
    if (waves) fst.close();
#endif
    return top.count;
}
