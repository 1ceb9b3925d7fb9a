package jail

import "golang.org/x/sys/unix"

// vmaName is PR_SET_VMA: Go names its memory for /proc/PID/maps with it.
const vmaName = 0x53564d41

// threadFlags are the flags of clone(2) with which Go and the C library make
// threads: no new namespace, no process.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND |
	unix.CLONE_THREAD | unix.CLONE_SYSVSEM | unix.CLONE_SETTLS |
	unix.CLONE_PARENT_SETTID | unix.CLONE_CHILD_SETTID | unix.CLONE_CHILD_CLEARTID

// assemble makes the filter for the process pid. Calls that depend on their
// arguments come first: the kernel remembers the answer for all others.
func assemble(files bool, pid int) code {
	c := code{load(offArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(kill), load(offNr)}
	// x32 calls on x86-64 carry a bit of their own; no call has it elsewhere.
	c = append(c, ifBits(0x40000000, kill)...)
	for _, r := range checked(pid) {
		c = append(c, when(r.nr, r.code)...)
	}
	for _, nr := range allowed {
		c = append(c, when(nr, code{ret(allow)})...)
	}
	if files {
		for _, nr := range allowedFiles {
			c = append(c, when(nr, code{ret(allow)})...)
		}
		// A Recorder passes descriptors. A Session does not, and the address
		// in a message, any address on a datagram socket, is out of a filter's
		// sight. MSG_FASTOPEN connects.
		c = append(c, when(unix.SYS_SENDMSG, join(code{load(argLow(2))}, ifBits(unix.MSG_FASTOPEN, eperm), code{ret(allow)}))...)
	}
	for _, nr := range hostile {
		c = append(c, when(nr, code{ret(kill)})...)
	}
	for _, nr := range hostileArch {
		c = append(c, when(nr, code{ret(kill)})...)
	}
	return append(c, ret(eperm))
}

// rule decides about one system call by its arguments.
type rule struct {
	nr   uint32
	code code
}

// checked are the calls of which some uses are harmless and some are not.
func checked(pid int) []rule {
	noExec := join(code{load(argLow(2))}, ifBits(unix.PROT_EXEC, eperm), code{ret(allow)})
	return []rule{
		// Waiting and waking; the rest (priority inheritance, requeueing) has
		// been a source of kernel bugs.
		{unix.SYS_FUTEX, join(code{load(argLow(1)), and(0x7f)}, oneOf(enosys, 0, 1, 9, 10))},
		{unix.SYS_MMAP, noExec},
		{unix.SYS_MPROTECT, noExec},
		{unix.SYS_TGKILL, join(code{load(argLow(0))}, oneOf(kill, uint32(pid)))},
		// fork(2) and vfork(2) are this call without CLONE_THREAD.
		{unix.SYS_CLONE, join(code{load(argLow(0))}, ifBits(^uint32(threadFlags), kill),
			ifBits(unix.CLONE_THREAD, allow), code{ret(kill)})},
		{unix.SYS_CLONE3, code{ret(enosys)}}, // its flags are out of a filter's sight
		{unix.SYS_PRCTL, join(code{load(argLow(0))}, oneOf(eperm, vmaName))},
		// Not F_SETOWN, which would have the kernel signal others for us. Seals
		// are looked at before shared memory is trusted.
		{unix.SYS_FCNTL, join(code{load(argLow(1))}, oneOf(eperm,
			unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_DUPFD_CLOEXEC, unix.F_GET_SEALS))},
		{unix.SYS_SENDTO, join(isNull(4), code{load(argLow(3))}, ifBits(unix.MSG_FASTOPEN, eperm), code{ret(allow)})},
		{unix.SYS_RECVFROM, join(isNull(4), code{ret(allow)})},
		{unix.SYS_SETSOCKOPT, socketOptions()},
		// The size of a jailed client's terminal. Not TIOCSTI, which types.
		{unix.SYS_IOCTL, join(code{load(argLow(1))}, oneOf(eperm, unix.TIOCSWINSZ))},
	}
}

// socketOptions allows tuning of a connection: time-outs, delays, buffers,
// class of service and how far packets go, which mtr needs to set for each
// request. (A socket for each distance, made by the monitor, would need no
// option here, but 30 descriptors for everybody who looks at a route: a session
// has 256. What a shorter way gives to a hostile process is packets that don't
// arrive, and TCP sends the same again.) Not SO_LINGER: whoever closes the socket last, such as a
// process that it was passed to, would wait.
func socketOptions() code {
	option := func(names ...uint32) code { return append(code{load(argLow(2))}, oneOf(eperm, names...)...) }
	return join(code{load(argLow(1))},
		when(unix.SOL_SOCKET, option(unix.SO_KEEPALIVE, unix.SO_RCVBUF, unix.SO_SNDBUF)),
		when(unix.IPPROTO_TCP, option(unix.TCP_NODELAY, unix.TCP_QUICKACK, unix.TCP_CORK, unix.TCP_KEEPIDLE,
			unix.TCP_KEEPINTVL, unix.TCP_KEEPCNT, unix.TCP_USER_TIMEOUT)),
		when(unix.IPPROTO_IP, option(unix.IP_TOS, unix.IP_TTL)),
		when(unix.IPPROTO_IPV6, option(unix.IPV6_TCLASS, unix.IPV6_UNICAST_HOPS)),
		code{ret(eperm)})
}

// allowed are the calls of the Go runtime and of input and output on
// descriptors, harmless whatever their arguments.
var allowed = [...]uint32{
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_RECVMSG,
	unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_CREATE1, unix.SYS_EVENTFD2,
	unix.SYS_ACCEPT4, // of a jailed client's socket: there is no way to listen on another
	unix.SYS_CLOSE, unix.SYS_SHUTDOWN, unix.SYS_GETSOCKOPT, unix.SYS_GETSOCKNAME, unix.SYS_GETPEERNAME,
	unix.SYS_FSTAT, unix.SYS_LSEEK, unix.SYS_PIPE2,
	unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_BRK,
	unix.SYS_RT_SIGACTION, unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK,
	unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_GETTIMEOFDAY,
	unix.SYS_SCHED_YIELD, unix.SYS_SCHED_GETAFFINITY, unix.SYS_GETRANDOM,
	unix.SYS_GETPID, unix.SYS_GETTID, unix.SYS_GETPPID,
	unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID,
	unix.SYS_RSEQ, unix.SYS_MEMBARRIER, unix.SYS_SET_ROBUST_LIST, unix.SYS_RESTART_SYSCALL,
	unix.SYS_EXIT, unix.SYS_EXIT_GROUP,
}

// allowedFiles are what a Recorder may do besides; Landlock says where.
var allowedFiles = [...]uint32{
	unix.SYS_OPENAT, sysFstatat, unix.SYS_STATX, unix.SYS_GETDENTS64, unix.SYS_READLINKAT,
	unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE,
	unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FLOCK, unix.SYS_FSTATFS,
	unix.SYS_MKDIRAT, unix.SYS_UNLINKAT, unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT,
}

// hostile are calls that nothing here ever makes by accident: who does is not
// our program any more. All calls in no list fail with EPERM.
var hostile = [...]uint32{
	// new programs
	unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET,
	// other processes
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP,
	// another identity
	unix.SYS_SETUID, unix.SYS_SETGID, unix.SYS_SETREUID, unix.SYS_SETREGID, unix.SYS_SETRESUID,
	unix.SYS_SETRESGID, unix.SYS_SETGROUPS, unix.SYS_SETFSUID, unix.SYS_SETFSGID, unix.SYS_CAPSET,
	unix.SYS_PERSONALITY,
	// another view of the system
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
	unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	// the kernel
	unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_FANOTIFY_INIT,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG, unix.SYS_QUOTACTL, unix.SYS_VHANGUP,
}
