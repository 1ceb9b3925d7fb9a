package jail

import "golang.org/x/sys/unix"

// assembleClient makes the filter of a client, whose process is pid: a list of
// what a C program needs to read and write what it has. What would start or
// change another process fails, so that a program can tell the person; what
// only somebody who took it over would call is killed.
func assembleClient(pid int) code {
	c := code{load(offArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(kill), load(offNr)}
	c = append(c, ifBits(0x40000000, kill)...) // x32
	for _, r := range clientChecked(pid) {
		c = append(c, when(r.nr, r.code)...)
	}
	for _, list := range [][]uint32{clientAllowed[:], clientAllowedArch[:]} {
		for _, nr := range list {
			c = append(c, when(nr, code{ret(allow)})...)
		}
	}
	for _, list := range [][]uint32{clientRefused[:], clientRefusedArch[:]} {
		for _, nr := range list {
			c = append(c, when(nr, code{ret(eperm)})...)
		}
	}
	for _, list := range [][]uint32{hostile[:], hostileArch[:]} {
		for _, nr := range list {
			c = append(c, when(nr, code{ret(kill)})...)
		}
	}
	return append(c, ret(eperm))
}

// clientChecked are the calls of which some uses are refused.
func clientChecked(pid int) []rule {
	own := join(code{load(argLow(0))}, oneOf(eperm, uint32(pid)))
	return []rule{
		// The one execve(2): see clientExec, which the program can't open again.
		{unix.SYS_EXECVEAT, join(code{load(argLow(0)), jump(unix.BPF_JEQ, clientExec, 1, 0), ret(eperm),
			load(argLow(4))}, oneOf(eperm, unix.AT_EMPTY_PATH))},
		// Code comes from files that can't be written: libraries.
		{unix.SYS_MMAP, join(code{load(argLow(2)), jump(unix.BPF_JSET, unix.PROT_EXEC, 1, 0), ret(allow)},
			ifBits(unix.PROT_WRITE, eperm), code{load(argLow(3))}, ifBits(unix.MAP_ANONYMOUS, eperm), code{ret(allow)})},
		{unix.SYS_MPROTECT, join(code{load(argLow(2))}, ifBits(unix.PROT_EXEC, eperm), code{ret(allow)})},
		{unix.SYS_FUTEX, join(code{load(argLow(1)), and(0x7f)}, oneOf(enosys, 0, 1, 9, 10))},
		{unix.SYS_CLONE3, code{ret(enosys)}}, // its flags are out of a filter's sight
		{unix.SYS_KILL, own},
		{unix.SYS_TGKILL, own},
		{unix.SYS_SOCKET, join(code{load(argLow(0)), jump(unix.BPF_JEQ, unix.AF_UNIX, 1, 0), ret(eperm),
			load(argLow(1)), and(^uint32(unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK))}, oneOf(eperm, unix.SOCK_STREAM))},
		{unix.SYS_SENDTO, join(isNull(4), code{ret(allow)})},
		{unix.SYS_FCNTL, join(code{load(argLow(1))}, oneOf(eperm, unix.F_GETFD, unix.F_SETFD,
			unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD, unix.F_DUPFD_CLOEXEC))},
		{unix.SYS_IOCTL, join(code{load(argLow(1))}, oneOf(eperm, unix.TCGETS, unix.TCSETS, unix.TCSETSW,
			unix.TCSETSF, unix.TIOCGWINSZ, unix.TIOCGPGRP, unix.TIOCINQ))},
		{unix.SYS_PRLIMIT64, join(code{load(argLow(0)), jump(unix.BPF_JEQ, 0, 1, 0), ret(eperm)}, isNull(2), code{ret(allow)})},
	}
}

// clientAllowed are harmless whatever their arguments: Landlock and the root
// decide which file, and there is one socket.
var clientAllowed = [...]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64,
	unix.SYS_OPENAT, unix.SYS_CLOSE, unix.SYS_FSTAT, sysFstatat, unix.SYS_STATX, unix.SYS_LSEEK,
	unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_GETDENTS64, unix.SYS_READLINKAT, unix.SYS_STATFS, unix.SYS_FSTATFS,
	unix.SYS_GETCWD, unix.SYS_CHDIR, unix.SYS_UMASK, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC,
	unix.SYS_UNLINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_FADVISE64,
	unix.SYS_DUP, unix.SYS_DUP3, unix.SYS_PIPE2, unix.SYS_PSELECT6, unix.SYS_PPOLL,
	unix.SYS_CONNECT, unix.SYS_RECVFROM, unix.SYS_RECVMSG, unix.SYS_SHUTDOWN,
	unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_BRK, unix.SYS_MUNMAP, unix.SYS_MREMAP, unix.SYS_MADVISE,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGSUSPEND,
	unix.SYS_RT_SIGTIMEDWAIT, unix.SYS_SIGALTSTACK, unix.SYS_SETITIMER, unix.SYS_GETITIMER,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_GETRES, unix.SYS_GETTIMEOFDAY,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID, unix.SYS_GETPGID, unix.SYS_GETSID,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_GETGROUPS,
	unix.SYS_UNAME, unix.SYS_SYSINFO, unix.SYS_GETRANDOM, unix.SYS_GETRUSAGE, unix.SYS_TIMES,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_WAIT4,
	unix.SYS_SET_TID_ADDRESS, unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_RESTART_SYSCALL,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// clientRefused are calls that psql makes when it is told to run a program,
// and that are no sign of a break-in.
var clientRefused = [...]uint32{unix.SYS_CLONE, unix.SYS_EXECVE, unix.SYS_SETGID, unix.SYS_SETUID}
