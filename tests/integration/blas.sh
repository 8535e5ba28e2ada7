#!/usr/bin/env bash
# The tuner's programs run with OpenBLAS's kernels for this processor, also where the library does not know it.   tests/integration/blas.sh BIN
bin=$1
. tests/lib/trimtabd.sh

# CORE ARGS...: the kernels that OpenBLAS had in the end, told by the environment or not.
core_of() {
    env -u OPENBLAS_CORETYPE OPENBLAS_VERBOSE=2 timeout 20 "$@" 2>&1 >/dev/null </dev/null | sed -n 's/^Core: //p' | tail -n 1
}
core=$(core_of "$bin/trimtab" optimize --stdio)
[ -n "$core" ] || fail "OpenBLAS did not say which kernels it takes"
if grep -qw avx2 /proc/cpuinfo && grep -qw fma /proc/cpuinfo && [ "$core" = Prescott ]; then
    fail "the kernels of 2004 on a processor with AVX2"
fi
[ "$(core_of env OPENBLAS_CORETYPE=Prescott "$bin/trimtab" --version)" = Prescott ] || fail "OPENBLAS_CORETYPE of the environment is not left alone"

# Arguments and the name in the list of processes stay.
env -u OPENBLAS_CORETYPE "$bin/trimtab" optimize --no-such >"$work/out" 2>&1 && fail "a wrong option is taken"
grep -q -- "--no-such" "$work/out" || fail "arguments were lost: $(cat "$work/out")"
unset OPENBLAS_CORETYPE
start trimtabd "$work/data" "$bin/trimtabd" --listen 127.0.0.1:0 --experiments http://127.0.0.1:9
[ "$(cat "/proc/$pid/comm")" = trimtabd ] || fail "the process has another name"
