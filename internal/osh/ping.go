package osh

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strconv"
	"time"
)

// maxPing bounds ping and alive, in seconds.
const maxPing = 3600

// Ping is the request of ping.
type Ping struct {
	Host    string `opt:"host,h" arg:"HOST" pos:"true" required:"true" help:"the host"`
	Count   int    `opt:"c,count" arg:"N" help:"that many echo requests, 4 if not given"`
	Size    int    `opt:"s,size" arg:"BYTES" help:"bytes in each, 56 if not given"`
	TTL     int    `opt:"t,ttl" arg:"TTL" help:"not offered yet"`
	Timeout int    `opt:"w,timeout" arg:"SECONDS" help:"give up after that long, at most 3600"`
}

// EchoTarget is what the monitor answers to ping and alive, with a connected
// socket beside it.
type EchoTarget struct {
	Host string
	V6   bool
}

// PingValue is the value of ping. Times are milliseconds, as text.
type PingValue struct {
	Avg         string `json:"avg,omitempty"`
	Host        string `json:"host"`
	Max         string `json:"max,omitempty"`
	Mdev        string `json:"mdev,omitempty"`
	Min         string `json:"min,omitempty"`
	Loss        string `json:"packets_loss_percentage"`
	Received    string `json:"packets_received"`
	Transmitted string `json:"packets_transmitted"`
	Duration    string `json:"ping_duration"`
	Sysret      int    `json:"sysret"`
}

func pingCommand() *Command {
	return &Command{
		Name:     "ping",
		Category: Open,
		Summary:  "send echo requests to a host",
		Examples: []string{"ping 192.0.2.7 -c 3"},
		New:      func() any { return new(Ping) },
		Local:    pingLocal,
	}
}

func pingLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	p := req.(*Ping)
	r, err := run(ctx, p)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	defer r.Close()
	count, size, limit := p.Count, p.Size, p.Timeout
	if count == 0 {
		count = 4
	}
	if size == 0 {
		size = 56
	}
	if limit == 0 {
		limit = maxPing
	}
	e, err := newEcho(r, size)
	if err != nil {
		return Result{}, err
	}
	start := env.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(limit)*time.Second)
	defer cancel()
	var times []float64
	sent := 0
	for sent < count && ctx.Err() == nil {
		sent++
		took, ok := e.once(ctx, env.Now)
		if ok {
			times = append(times, took.Seconds()*1000)
			writeText(env.Out, fmt.Sprintf("%s answered in %.2f ms\n", e.target.Host, took.Seconds()*1000))
		} else {
			writeText(env.Out, e.target.Host+" did not answer\n")
		}
		if sent < count && ok {
			pause(ctx, time.Second-took)
		}
	}
	v := statistics(times, sent)
	v.Host = e.target.Host
	v.Duration = strconv.FormatInt(env.Now().Sub(start).Milliseconds(), 10)
	return OK("ping", "OK", fmt.Sprintf("%s of %s answers came.", v.Received, v.Transmitted), v), nil
}

// statistics sums up as ping(8) does.
func statistics(times []float64, sent int) PingValue {
	v := PingValue{
		Received:    strconv.Itoa(len(times)),
		Transmitted: strconv.Itoa(sent),
		Loss:        strconv.Itoa(100 * (sent - len(times)) / max(sent, 1)),
	}
	if len(times) == 0 {
		v.Sysret = 1
		return v
	}
	low, high, sum, squares := times[0], times[0], 0.0, 0.0
	for _, t := range times {
		low, high, sum, squares = min(low, t), max(high, t), sum+t, squares+t*t
	}
	n := float64(len(times))
	text := func(f float64) string { return strconv.FormatFloat(f, 'f', 3, 64) }
	v.Min, v.Avg, v.Max = text(low), text(sum/n), text(high)
	v.Mdev = text(math.Sqrt(max(0, squares/n-(sum/n)*(sum/n))))
	return v
}

// Alive is the request of alive.
type Alive struct {
	Host string `opt:"host,h" arg:"HOST" pos:"true" required:"true" help:"the host"`
}

// AliveValue is the value of alive: seconds.
type AliveValue struct {
	WaitedFor int `json:"waited_for"`
}

func aliveCommand() *Command {
	return &Command{
		Name:     "alive",
		Category: Open,
		Summary:  "wait until a host answers echo requests",
		Examples: []string{"alive 192.0.2.7"},
		New:      func() any { return new(Alive) },
		Local:    aliveLocal,
	}
}

func aliveLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	defer r.Close()
	e, err := newEcho(r, 56)
	if err != nil {
		return Result{}, err
	}
	start := env.Now()
	ctx, cancel := context.WithTimeout(ctx, maxPing*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		if _, ok := e.once(ctx, env.Now); ok {
			waited := int(env.Now().Sub(start) / time.Second)
			return OK("alive", "OK", fmt.Sprintf("%s answers, after %d seconds.", e.target.Host, waited), AliveValue{waited}), nil
		}
	}
	return Fail("alive", "KO_NOT_ALIVE", e.target.Host+" did not answer", nil), nil
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// echo sends ICMP echo requests (RFC 792, RFC 4443 section 4) over a connected
// socket: one of the kind that the kernel offers to everybody, or a raw one,
// which shows the IP header of what it receives.
type echo struct {
	socket *os.File
	target EchoTarget
	packet []byte
	seq    uint16
}

const echoHeader = 8

func newEcho(r Result, size int) (*echo, error) {
	e := &echo{packet: make([]byte, echoHeader+size)}
	if err := json.Unmarshal(r.Value, &e.target); err != nil || len(r.Files) != 1 {
		return nil, fmt.Errorf("ping: no socket came with the answer")
	}
	e.socket = r.Files[0]
	e.packet[0] = 8
	if e.target.V6 {
		e.packet[0] = 128
	}
	rand.Read(e.packet[4:6]) // identifier; the kernel may put its own
	rand.Read(e.packet[echoHeader:])
	return e, nil
}

// once sends one request and waits up to a second for its answer.
func (e *echo) once(ctx context.Context, now func() time.Time) (time.Duration, bool) {
	e.seq++
	binary.BigEndian.PutUint16(e.packet[6:], e.seq)
	binary.BigEndian.PutUint16(e.packet[2:], 0)
	binary.BigEndian.PutUint16(e.packet[2:], checksum(e.packet)) // of IPv6: the kernel does
	start := now()
	if err := e.socket.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
		pause(ctx, time.Second) // don't spin
		return 0, false
	}
	stop := context.AfterFunc(ctx, func() { e.socket.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := e.socket.Write(e.packet); err != nil {
		pause(ctx, time.Second) // no route, for now
		return 0, false
	}
	buf := make([]byte, len(e.packet)+60)
	for {
		n, err := e.socket.Read(buf)
		if os.IsTimeout(err) {
			return 0, false
		}
		if err != nil {
			pause(ctx, time.Second)
			return 0, false
		}
		if e.answers(buf[:n]) {
			return now().Sub(start), true
		}
	}
}

// answers reports whether b answers the last request. The identifier proves
// nothing, since the kernel may change it; the random body does.
func (e *echo) answers(b []byte) bool {
	if !e.target.V6 && len(b) >= 20 && b[0]>>4 == 4 {
		b = b[min(len(b), int(b[0]&15)*4):]
	}
	reply := byte(0)
	if e.target.V6 {
		reply = 129
	}
	return len(b) == len(e.packet) && b[0] == reply && binary.BigEndian.Uint16(b[6:]) == e.seq &&
		string(b[echoHeader:]) == string(e.packet[echoHeader:])
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}
