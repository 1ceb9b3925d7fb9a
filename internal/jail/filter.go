package jail

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a filter can answer.
const (
	allow = unix.SECCOMP_RET_ALLOW
	eperm = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	// enosys makes the C library fall back to the older call.
	enosys = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	// kill ends the process with SIGSYS, which its parent sees.
	kill = unix.SECCOMP_RET_KILL_PROCESS
)

// Offsets in struct seccomp_data.
const (
	offNr   = 0
	offArch = 4
	offArgs = 16
)

// argLow and argHigh are the offsets of the halves of argument i; both
// architectures are little-endian.
func argLow(i uint32) uint32  { return offArgs + 8*i }
func argHigh(i uint32) uint32 { return offArgs + 8*i + 4 }

// A code is a run of instructions. One that stands for a system call ends in a
// return on every path.
type code []unix.SockFilter

func load(offset uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
}

func and(mask uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: mask}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}

// jump compares what was loaded with k by op, and skips t instructions when
// that holds, else f.
func jump(op uint16, k uint32, t, f int) unix.SockFilter {
	if t > 255 || f > 255 {
		panic("jail: jump too far")
	}
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, K: k, Jt: uint8(t), Jf: uint8(f)}
}

// when runs then if what was loaded equals k.
func when(k uint32, then code) code {
	return append(code{jump(unix.BPF_JEQ, k, 0, len(then))}, then...)
}

// ifBits returns action if what was loaded has one of bits.
func ifBits(bits, action uint32) code {
	return code{jump(unix.BPF_JSET, bits, 0, 1), ret(action)}
}

// oneOf allows what was loaded if it is one of values, and else returns action.
func oneOf(action uint32, values ...uint32) code {
	var c code
	for i, v := range values {
		c = append(c, jump(unix.BPF_JEQ, v, len(values)-i, 0))
	}
	return append(c, ret(action), ret(allow))
}

// isNull returns eperm unless argument i is zero, all 64 bits of it.
func isNull(i uint32) code {
	return code{
		load(argLow(i)), jump(unix.BPF_JEQ, 0, 1, 0), ret(eperm),
		load(argHigh(i)), jump(unix.BPF_JEQ, 0, 1, 0), ret(eperm),
	}
}

func join(codes ...code) code {
	var all code
	for _, c := range codes {
		all = append(all, c...)
	}
	return all
}

// installFilter puts c in force: with SECCOMP_FILTER_FLAG_TSYNC for all threads
// of the process, without flags for this one.
func installFilter(c code, flags uintptr) error {
	prog := unix.SockFprog{Len: uint16(len(c)), Filter: &c[0]}
	tid, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER,
		flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return errno
	}
	if tid != 0 {
		return fmt.Errorf("thread %d has a filter of its own", tid)
	}
	return nil
}
