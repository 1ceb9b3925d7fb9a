// Package ring hands events from a session process to the recorder through
// shared memory, so that recording costs a copy and no system call.
//
// An event counts as accepted when it lies completely in the ring. It outlives
// the session, because the recorder still drains it, and it outlives the
// recorder, because the monitor keeps the memory and hands it to the next one.
// The consumer moves the read index only after the bytes are in the file.
//
// The producer is hostile in the threat model. The consumer therefore trusts
// nothing in the shared page but as a hint: it keeps its own read index, copies
// the bytes out before it looks at them, and bounds every index. The memory is
// sealed against shrinking, so that nobody can cause a SIGBUS. Wake-ups go
// through pipes and not an eventfd: the two ends of a pipe are two open file
// descriptions, so that the producer can't make the consumer's end blocking.
//
// The words of the shared page work like Dekker's algorithm, with sequentially
// consistent atomics on both sides. The producer sets its busy bit, then looks
// at the state; the consumer sets the state, then looks at the busy bit: at
// least one of them sees the other. So after Refuse no further event can be
// accepted, and memory is given back only while nobody writes into it.
package ring

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"gateway"
)

// Sizes of the data area; a power of two.
const (
	DefaultSize = 512 << 10
	MinSize     = 128 << 10 // holds the largest frame
	MaxSize     = 512 << 10 // fits one chunk of the container

	pageSize  = 4096 // the words come first, the data area after
	busyBit   = 1 << 63
	indexMask = busyBit - 1
)

// States of the consumer, told to the producer.
const (
	stateBusy    = 0 // will look by itself; also: nobody is there yet
	stateWaiting = 1 // wake it for any event
	stateNapping = 2 // wake it when half of the ring is used
	stateGate    = 3 // wait: memory is being given back
	stateRefused = 4 // nothing is accepted any more
)

// words is the shared page. Each word has a cache line of its own.
type words struct {
	write   atomic.Uint64 // producer: bytes ever written; busyBit while an event is being copied in
	_       [56]byte
	read    atomic.Uint64 // consumer: bytes ever released
	_       [56]byte
	state   atomic.Uint32 // consumer; the producer may turn Waiting or Napping into Busy
	_       [60]byte
	waiting atomic.Uint32 // producer: wants a byte in the space pipe
	closed  atomic.Uint32 // producer: there will be no more
}

// Files are the descriptors of one side of a ring. They can be passed to
// another process.
type Files struct {
	Mem   *os.File // the shared memory
	Wake  *os.File // pipe to the consumer: there is data
	Space *os.File // pipe to the producer: there is room
}

// Close closes all of them.
func (f Files) Close() {
	for _, file := range []*os.File{f.Mem, f.Wake, f.Space} {
		if file != nil {
			file.Close()
		}
	}
}

// Shared is a new ring: the descriptors of both sides, which share Mem's
// memory but no descriptor.
type Shared struct{ Producer, Consumer Files }

// New makes a ring with a data area of size bytes.
func New(size int) (s *Shared, err error) {
	if !validSize(int64(size)) {
		return nil, fmt.Errorf("make ring: size %d: %w", size, gateway.ErrInvalid)
	}
	s = new(Shared)
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	if s.Producer.Mem, s.Consumer.Mem, err = newMemory(size); err != nil {
		return nil, fmt.Errorf("make ring: %w", err)
	}
	if s.Consumer.Wake, s.Producer.Wake, err = newPipe("wake"); err != nil {
		return nil, fmt.Errorf("make ring: %w", err)
	}
	if s.Producer.Space, s.Consumer.Space, err = newPipe("space"); err != nil {
		return nil, fmt.Errorf("make ring: %w", err)
	}
	return s, nil
}

// Close closes the descriptors of both sides.
func (s *Shared) Close() {
	s.Producer.Close()
	s.Consumer.Close()
}

func validSize(n int64) bool { return n >= MinSize && n <= MaxSize && n&(n-1) == 0 }

func newMemory(size int) (a, b *os.File, err error) {
	fd, err := unix.MemfdCreate("recording-ring", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, nil, os.NewSyscallError("memfd_create", err)
	}
	a = os.NewFile(uintptr(fd), "recording-ring")
	if err := unix.Ftruncate(fd, int64(pageSize+size)); err != nil {
		return a, nil, os.NewSyscallError("ftruncate", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return a, nil, os.NewSyscallError("fcntl", err)
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return a, nil, os.NewSyscallError("fcntl", err)
	}
	return a, os.NewFile(uintptr(dup), "recording-ring"), nil
}

const seals = unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

func newPipe(name string) (r, w *os.File, err error) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	return os.NewFile(uintptr(fd[0]), name), os.NewFile(uintptr(fd[1]), name), nil
}

// memory is one side's mapping.
type memory struct {
	*words
	all  []byte
	data []byte
	size uint64
}

func mapMemory(f *os.File) (memory, error) {
	info, err := f.Stat()
	if err != nil {
		return memory{}, fmt.Errorf("map ring: %w", err)
	}
	size := info.Size() - pageSize
	if !validSize(size) {
		return memory{}, fmt.Errorf("map ring: size %d: %w", size, gateway.ErrInvalid)
	}
	// SyscallConn and not Fd, which would make the descriptor blocking.
	conn, err := f.SyscallConn()
	if err != nil {
		return memory{}, fmt.Errorf("map ring: %w", err)
	}
	var all []byte
	var mapErr error
	err = conn.Control(func(fd uintptr) {
		have, sealErr := unix.FcntlInt(fd, unix.F_GET_SEALS, 0)
		if sealErr != nil || have&seals != seals {
			mapErr = fmt.Errorf("not sealed against shrinking: %w", gateway.ErrInvalid)
			return
		}
		all, mapErr = unix.Mmap(int(fd), 0, int(pageSize+size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	})
	if err == nil {
		err = mapErr
	}
	if err != nil {
		return memory{}, fmt.Errorf("map ring: %w", err)
	}
	return memory{(*words)(unsafe.Pointer(&all[0])), all, all[pageSize:], uint64(size)}, nil
}

// pollable makes sure that reads of f can be interrupted. They can't be when
// it became blocking on its way here.
func pollable(f *os.File) error {
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("ring's pipe %s: %w", f.Name(), err)
	}
	return nil
}

// poke puts a byte into a pipe. A full pipe is as good: the other side has not
// looked yet.
func poke(f *os.File) {
	conn, err := f.SyscallConn()
	if err != nil {
		return
	}
	// Not f.Write, which waits when the pipe is full. And a raw call: it never
	// blocks, and if the scheduler knew of it, it would look every 20 µs
	// whether to give the processor to another thread.
	one := [1]byte{1}
	_ = conn.Control(func(fd uintptr) {
		unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&one)), 1)
	})
}
