package jail

import "golang.org/x/sys/unix"

// newNamespaces are the flags of clone(2) that make one.
const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// FIOSETOWN and SIOCSPGRP have the kernel send signals, as F_SETOWN does.
const (
	fiosetown = 0x8901
	siocspgrp = 0x8902
)

// assembleProgram makes the filter of programs that are not ours: they may
// call what has no effect outside of them, and what is refused fails with
// EPERM, since libraries try much that they can do without. alone: it can
// signal no process but its own.
func assembleProgram(alone bool) code {
	c := code{load(offArch), jump(unix.BPF_JEQ, auditArch, 1, 0), ret(kill), load(offNr)}
	c = append(c, ifBits(0x40000000, kill)...) // x32
	for _, r := range programChecked() {
		c = append(c, when(r.nr, r.code)...)
	}
	refused := [][]uint32{programRefused[:], programRefusedArch[:]}
	if !alone {
		refused = append(refused, signals[:])
	}
	for _, list := range refused {
		for _, nr := range list {
			c = append(c, when(nr, code{ret(eperm)})...)
		}
	}
	return append(c, ret(allow))
}

// programChecked are the calls of which some uses are refused.
func programChecked() []rule {
	refuse := func(arg uint32, values ...uint32) code {
		c := code{load(argLow(arg))}
		for _, v := range values {
			c = append(c, when(v, code{ret(eperm)})...)
		}
		return append(c, ret(allow))
	}
	return []rule{
		// No local sockets: behind those is who runs programs for others, such
		// as systemd, D-Bus, a container engine or this gateway itself. Nor
		// netlink and the like, which is much kernel for nothing that is needed.
		{unix.SYS_SOCKET, join(code{load(argLow(0))}, oneOf(eperm, unix.AF_INET, unix.AF_INET6))},
		{unix.SYS_CLONE, join(code{load(argLow(0))}, ifBits(newNamespaces, eperm), code{ret(allow)})},
		{unix.SYS_CLONE3, code{ret(enosys)}}, // its flags are out of a filter's sight
		{unix.SYS_FCNTL, refuse(1, unix.F_SETOWN, unix.F_SETOWN_EX)},
		{unix.SYS_IOCTL, refuse(1, fiosetown, siocspgrp, unix.TIOCSTI)},
		{unix.SYS_PRLIMIT64, join(code{load(argLow(0))}, oneOf(eperm, 0))}, // its own
	}
}

// signals are the ways to signal a process.
var signals = [...]uint32{
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_TGKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_RT_TGSIGQUEUEINFO,
	unix.SYS_PIDFD_SEND_SIGNAL,
}

// programRefused are refused whatever their arguments.
var programRefused = [...]uint32{
	// leaving the process group, which is killed as a whole
	unix.SYS_SETSID, unix.SYS_SETPGID,
	// what Landlock does not decide: changing what can't be written
	unix.SYS_FCHMOD, unix.SYS_FCHMODAT, unix.SYS_FCHMODAT2, unix.SYS_FCHOWN, unix.SYS_FCHOWNAT,
	unix.SYS_UTIMENSAT, unix.SYS_TRUNCATE,
	unix.SYS_SETXATTR, unix.SYS_LSETXATTR, unix.SYS_FSETXATTR, sysSetxattrat,
	unix.SYS_REMOVEXATTR, unix.SYS_LREMOVEXATTR, unix.SYS_FREMOVEXATTR, sysRemovexattrat, sysFileSetattr,
	unix.SYS_INOTIFY_INIT1, unix.SYS_FANOTIFY_INIT,
	// memory that no limit of a process counts, or that is shared
	unix.SYS_MEMFD_CREATE, unix.SYS_MEMFD_SECRET, unix.SYS_SHMGET, unix.SYS_SHMAT, unix.SYS_MSGGET, unix.SYS_SEMGET,
	unix.SYS_MQ_OPEN,
	// other processes
	unix.SYS_PTRACE, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_PROCESS_MADVISE,
	unix.SYS_PROCESS_MRELEASE, unix.SYS_PIDFD_GETFD, unix.SYS_KCMP, unix.SYS_MIGRATE_PAGES, unix.SYS_MOVE_PAGES,
	unix.SYS_SETPRIORITY, unix.SYS_IOPRIO_SET, unix.SYS_SCHED_SETSCHEDULER, unix.SYS_SCHED_SETPARAM,
	unix.SYS_SCHED_SETATTR, unix.SYS_SCHED_SETAFFINITY,
	// another view of the system
	unix.SYS_MOUNT, unix.SYS_UMOUNT2, unix.SYS_PIVOT_ROOT, unix.SYS_CHROOT, unix.SYS_UNSHARE, unix.SYS_SETNS,
	unix.SYS_MOVE_MOUNT, unix.SYS_OPEN_TREE, unix.SYS_FSOPEN, unix.SYS_FSCONFIG, unix.SYS_FSMOUNT,
	unix.SYS_FSPICK, unix.SYS_MOUNT_SETATTR, unix.SYS_NAME_TO_HANDLE_AT, unix.SYS_OPEN_BY_HANDLE_AT,
	// the kernel
	unix.SYS_BPF, unix.SYS_IO_URING_SETUP, unix.SYS_IO_URING_ENTER, unix.SYS_IO_URING_REGISTER,
	unix.SYS_USERFAULTFD, unix.SYS_PERF_EVENT_OPEN, unix.SYS_PERSONALITY,
	unix.SYS_KEYCTL, unix.SYS_ADD_KEY, unix.SYS_REQUEST_KEY,
	unix.SYS_INIT_MODULE, unix.SYS_FINIT_MODULE, unix.SYS_DELETE_MODULE, unix.SYS_KEXEC_LOAD,
	unix.SYS_KEXEC_FILE_LOAD, unix.SYS_REBOOT, unix.SYS_SWAPON, unix.SYS_SWAPOFF, unix.SYS_ACCT,
	unix.SYS_SETTIMEOFDAY, unix.SYS_CLOCK_SETTIME, unix.SYS_ADJTIMEX, unix.SYS_CLOCK_ADJTIME,
	unix.SYS_SETHOSTNAME, unix.SYS_SETDOMAINNAME, unix.SYS_SYSLOG, unix.SYS_QUOTACTL, unix.SYS_VHANGUP,
}

// Calls that golang.org/x/sys has no name for yet.
const (
	sysSetxattrat    = 463
	sysRemovexattrat = 466
	sysFileSetattr   = 469
)
