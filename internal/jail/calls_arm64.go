package jail

import "golang.org/x/sys/unix"

// auditArch is the one architecture whose system calls are answered; 32-bit
// ARM's have other numbers.
const auditArch = unix.AUDIT_ARCH_AARCH64

const sysFstatat = unix.SYS_FSTATAT

// hostileArch are the hostile calls that only this architecture has: none.
var hostileArch = [...]uint32{}

// programRefusedArch are calls that programs are refused and that only this
// architecture has: none.
var programRefusedArch = [...]uint32{}

// clientAllowedArch are calls of clients that only this architecture has: none.
var clientAllowedArch = [...]uint32{}

// clientRefusedArch are ways to start a program that only this architecture
// has: none.
var clientRefusedArch = [...]uint32{}
