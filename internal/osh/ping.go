package osh

import (
	"context"
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
	Host    string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"host" help:"the host"`
	Count   int    `opt:"c,count" arg:"N" help:"that many echo requests, 4 if not given"`
	Size    int    `opt:"s,size" arg:"BYTES" help:"bytes in each, 56 if not given"`
	TTL     int    `opt:"t,ttl" arg:"TTL" help:"routers that each may pass: 1 to 255"`
	Timeout int    `opt:"w,timeout" arg:"SECONDS" help:"give up after that long, at most 3600"`
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
	if p.TTL != 0 {
		if err := e.setTTL(p.TTL); err != nil {
			return Result{}, fmt.Errorf("ping: %w", err)
		}
	}
	start := env.Now()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(limit)*time.Second)
	defer cancel()
	var times []float64
	sent := 0
	for sent < count && ctx.Err() == nil {
		sent++
		began := env.Now()
		r, ok := e.once(ctx, uint16(sent))
		took := env.Now().Sub(began)
		if ok && !r.from.IsValid() {
			times = append(times, took.Seconds()*1000)
		}
		writeText(env.Out, e.told(r, ok, took)+"\n")
		if sent < count && ok {
			pause(ctx, time.Second-took)
		}
	}
	v := statistics(times, sent)
	v.Host = e.target.Host
	v.Duration = strconv.FormatInt(env.Now().Sub(start).Milliseconds(), 10)
	return OK("ping", "OK", fmt.Sprintf("%s of %s answers came.", v.Received, v.Transmitted), v), nil
}

// once sends one request and waits up to a second for what comes of it.
func (e *echo) once(ctx context.Context, seq uint16) (reply, bool) {
	if err := e.send(seq); err != nil {
		pause(ctx, time.Second) // no route, for now
		return reply{}, false
	}
	stop, err := e.listen(ctx, time.Second)
	if err != nil {
		pause(ctx, time.Second) // don't spin
		return reply{}, false
	}
	defer stop()
	for {
		r, err := e.receive()
		switch {
		case os.IsTimeout(err):
			return reply{}, false
		case err != nil:
			pause(ctx, time.Second)
			return reply{}, false
		case r.seq == seq:
			return r, true
		}
	}
}

// told says what came of a request.
func (e *echo) told(r reply, ok bool, took time.Duration) string {
	switch {
	case !ok:
		return e.target.Host + " did not answer"
	case r.expired:
		return fmt.Sprintf("%s says that the TTL was used up", r.from)
	case r.from.IsValid():
		return fmt.Sprintf("%s says that %s can't be reached", r.from, e.target.Host)
	}
	return fmt.Sprintf("%s answered in %.2f ms", e.target.Host, took.Seconds()*1000)
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
	Host string `opt:"host,h" arg:"HOST" pos:"true" required:"true" complete:"host" help:"the host"`
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
	for seq := uint16(1); ctx.Err() == nil; seq++ {
		r, ok := e.once(ctx, seq)
		if ok && !r.from.IsValid() {
			waited := int(env.Now().Sub(start) / time.Second)
			return OK("alive", "OK", fmt.Sprintf("%s answers, after %d seconds.", e.target.Host, waited), AliveValue{waited}), nil
		}
		if ok {
			pause(ctx, time.Second)
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
