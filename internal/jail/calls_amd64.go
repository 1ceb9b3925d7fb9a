package jail

import "golang.org/x/sys/unix"

// auditArch is the one architecture whose system calls are answered; i386's
// have other numbers.
const auditArch = unix.AUDIT_ARCH_X86_64

const sysFstatat = unix.SYS_NEWFSTATAT

// hostileArch are the hostile calls that only this architecture has.
var hostileArch = [...]uint32{
	unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT,
}

// programRefusedArch are calls that programs are refused and that only this
// architecture has.
var programRefusedArch = [...]uint32{
	unix.SYS_CHMOD, unix.SYS_CHOWN, unix.SYS_LCHOWN, unix.SYS_UTIME, unix.SYS_UTIMES, unix.SYS_FUTIMESAT,
	unix.SYS_INOTIFY_INIT, unix.SYS_IOPL, unix.SYS_IOPERM, unix.SYS_MODIFY_LDT,
}

// clientAllowedArch are calls of clients that only this architecture has.
var clientAllowedArch = [...]uint32{
	unix.SYS_ARCH_PRCTL, unix.SYS_OPEN, unix.SYS_CREAT, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_ACCESS,
	unix.SYS_READLINK, unix.SYS_UNLINK, unix.SYS_RENAME, unix.SYS_DUP2, unix.SYS_PIPE, unix.SYS_POLL, unix.SYS_SELECT,
	unix.SYS_GETPGRP, unix.SYS_ALARM, unix.SYS_PAUSE, unix.SYS_TIME,
}

// clientRefusedArch are ways to start a program that only this architecture has.
var clientRefusedArch = [...]uint32{unix.SYS_FORK, unix.SYS_VFORK}
