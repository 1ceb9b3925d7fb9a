package clients

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// caller is a program that makes the system calls it is told to, in place of
// psql: what somebody could do who took psql over. It reads a number and six
// arguments from standard input, and writes the result to standard output.
type caller struct {
	t    *testing.T
	r    *Running
	in   *os.File
	out  *os.File
	next uint64 // free memory
}

// Its memory, of which the first bytes are its own.
const (
	callerMemory = 0x600000
	callerSize   = 1 << 20
)

// callerCode runs on x86-64.
var callerCode = []byte{
	0x31, 0xc0, //                   start: xor eax, eax (read)
	0x31, 0xff, //                          xor edi, edi
	0xbe, 0x00, 0x00, 0x60, 0x00, //        mov esi, callerMemory
	0xba, 0x38, 0x00, 0x00, 0x00, //        mov edx, 56
	0x0f, 0x05, //                          syscall
	0x83, 0xf8, 0x38, //                    cmp eax, 56
	0x75, 0x5a, //                          jne exit
	0x48, 0x8b, 0x04, 0x25, 0x00, 0x00, 0x60, 0x00, // mov rax, [callerMemory]
	0x48, 0x8b, 0x3c, 0x25, 0x08, 0x00, 0x60, 0x00, // mov rdi, [callerMemory+8]
	0x48, 0x8b, 0x34, 0x25, 0x10, 0x00, 0x60, 0x00, // mov rsi, …
	0x48, 0x8b, 0x14, 0x25, 0x18, 0x00, 0x60, 0x00, // mov rdx
	0x4c, 0x8b, 0x14, 0x25, 0x20, 0x00, 0x60, 0x00, // mov r10
	0x4c, 0x8b, 0x04, 0x25, 0x28, 0x00, 0x60, 0x00, // mov r8
	0x4c, 0x8b, 0x0c, 0x25, 0x30, 0x00, 0x60, 0x00, // mov r9
	0x0f, 0x05, //                          syscall
	0x48, 0x89, 0x04, 0x25, 0x00, 0x00, 0x60, 0x00, // mov [callerMemory], rax
	0xb8, 0x01, 0x00, 0x00, 0x00, //        mov eax, 1 (write)
	0xbf, 0x01, 0x00, 0x00, 0x00, //        mov edi, 1
	0xbe, 0x00, 0x00, 0x60, 0x00, //        mov esi, callerMemory
	0xba, 0x08, 0x00, 0x00, 0x00, //        mov edx, 8
	0x0f, 0x05, //                          syscall
	0xeb, 0x91, //                          jmp start
	0xb8, 0x3c, 0x00, 0x00, 0x00, //  exit: mov eax, 60
	0x31, 0xff, //                          xor edi, edi
	0x0f, 0x05, //                          syscall
}

// writeCaller makes an executable file of the program.
func writeCaller(t *testing.T, path string) {
	t.Helper()
	const base, header = 0x400000, 64 + 2*56
	le := binary.LittleEndian
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b = le.AppendUint16(b, 2)  // executable
	b = le.AppendUint16(b, 62) // x86-64
	b = le.AppendUint32(b, 1)
	for _, v := range []uint64{base + header, 64, 0} { // entry, program headers, no sections
		b = le.AppendUint64(b, v)
	}
	b = le.AppendUint32(b, 0)
	for _, v := range []uint16{64, 56, 2, 0, 0, 0} {
		b = le.AppendUint16(b, v)
	}
	segment := func(flags uint32, address, file, memory uint64) {
		b = le.AppendUint32(b, 1) // loaded
		b = le.AppendUint32(b, flags)
		for _, v := range []uint64{0, address, address, file, memory, 4096} {
			b = le.AppendUint64(b, v)
		}
	}
	code := uint64(header + len(callerCode))
	segment(5, base, code, code)            // read, execute
	segment(6, callerMemory, 0, callerSize) // read, write
	if err := os.WriteFile(path, append(b, callerCode...), 0o755); err != nil {
		t.Fatal(err)
	}
}

// newCaller starts the program in a jail like psql's.
func newCaller(t *testing.T, s *Starter, program string, size *Size) *caller {
	t.Helper()
	c := PsqlClient(program, PsqlSession{Database: "app", User: "alice", Term: "xterm"})
	c.Home, c.Size, c.UID = filepath.Join(t.TempDir(), "alice"), size, uid()
	r, err := s.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		r.Kill()
		if err := r.Wait(); err != nil {
			t.Error(err)
		}
		r.CloseFiles()
	})
	p := &caller{t: t, r: r, in: r.In, out: r.Out, next: callerMemory + 4096}
	if size != nil {
		p.in, p.out = r.Terminal, r.Terminal
	}
	return p
}

// call makes a system call. Arguments are numbers, or bytes and strings, which
// are put into the program's memory.
func (p *caller) call(nr uint64, args ...any) (uint64, error) {
	p.t.Helper()
	var numbers [6]uint64
	for i, arg := range args {
		switch v := arg.(type) {
		case int:
			numbers[i] = uint64(v)
		case uint64:
			numbers[i] = v
		case string:
			numbers[i] = p.put(append([]byte(v), 0))
		case []byte:
			numbers[i] = p.put(v)
		default:
			p.t.Fatalf("argument %T", arg)
		}
	}
	return p.raw(nr, numbers)
}

func (p *caller) raw(nr uint64, args [6]uint64) (uint64, error) {
	p.t.Helper()
	p.send(nr, args)
	return p.result()
}

func (p *caller) send(nr uint64, args [6]uint64) {
	b := binary.LittleEndian.AppendUint64(nil, nr)
	for _, a := range args {
		b = binary.LittleEndian.AppendUint64(b, a)
	}
	if _, err := p.in.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

// errEnded says that the program was ended by a system call.
var errEnded = errors.New("ended")

func (p *caller) result() (uint64, error) {
	b := make([]byte, 8)
	if _, err := io.ReadFull(p.out, b); err != nil {
		return 0, errEnded
	}
	n := binary.LittleEndian.Uint64(b)
	if int64(n) < 0 && int64(n) > -4096 {
		return 0, syscall.Errno(-int64(n))
	}
	return n, nil
}

// put writes b into the program's memory and returns where.
func (p *caller) put(b []byte) uint64 {
	p.t.Helper()
	at := p.next
	p.next += uint64(len(b)+15) &^ 15
	if len(b) == 0 {
		return at
	}
	p.send(unix.SYS_READ, [6]uint64{0, at, uint64(len(b))})
	if _, err := p.in.Write(b); err != nil {
		p.t.Fatal(err)
	}
	if n, err := p.result(); err != nil || n != uint64(len(b)) {
		p.t.Fatalf("put %d bytes: %d, %v", len(b), n, err)
	}
	return at
}

// does makes a call and names what came of it: an error, or the signal that
// ended the program.
func (p *caller) does(nr uint64, args ...any) string {
	p.t.Helper()
	_, err := p.call(nr, args...)
	return p.named(err)
}

func (p *caller) named(err error) string {
	p.t.Helper()
	var errno syscall.Errno
	switch {
	case err == nil:
		return "done"
	case errors.As(err, &errno):
		return unix.ErrnoName(errno)
	}
	status, err := io.ReadAll(p.r.Status)
	if err != nil {
		p.t.Fatal(err)
	}
	return strings.TrimSuffix(strings.TrimPrefix(string(status), "signal "), "\n")
}

// needCaller gives the path of the program, where there can be one.
func needCaller(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the program that makes system calls is for x86-64")
	}
	dir, err := os.MkdirTemp("", "caller-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "caller")
	writeCaller(t, path)
	return path
}
