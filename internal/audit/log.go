package audit

import (
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// Line is a record in the form in which sinks get it.
type Line struct {
	Event   Event
	Time    time.Time
	Refused bool   // the record's answer is No
	JSON    []byte // without a line end
}

// Sink takes lines. Write is called by several goroutines at the same time;
// it may keep the line but not change it.
type Sink interface {
	Write(Line) error
	// Reopen opens anew what may have been moved away.
	Reopen() error
	Close() error
}

// Log writes records to its sinks. It is safe for concurrent use.
type Log struct {
	now   func() time.Time
	enc   zapcore.Encoder
	sinks []Sink
}

// New returns a log that writes to every sink; node is the gateway's name, in
// each line.
func New(node string, now func() time.Time, sinks ...Sink) *Log {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:        "time",
		MessageKey:     "event",
		SkipLineEnding: true,
		EncodeTime: func(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
			enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
		},
	})
	enc.AddString("node", node)
	return &Log{now: now, enc: enc, sinks: sinks}
}

// Log writes one record. After an error the caller must refuse or end what
// the record is about.
func (l *Log) Log(r Record) error {
	line, err := l.line(r)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range l.sinks {
		if err := s.Write(line); err != nil {
			errs = append(errs, fmt.Errorf("write audit record: %w", err))
		}
	}
	return errors.Join(errs...)
}

func (l *Log) line(r Record) (Line, error) {
	if r.Time.IsZero() {
		r.Time = l.now()
	}
	buf, err := l.enc.EncodeEntry(zapcore.Entry{Level: zap.InfoLevel, Time: r.Time, Message: string(r.Event)}, r.fields())
	if err != nil {
		return Line{}, fmt.Errorf("encode audit record: %w", err)
	}
	defer buf.Free()
	return Line{Event: r.Event, Time: r.Time, Refused: r.Allowed == No, JSON: append([]byte(nil), buf.Bytes()...)}, nil
}

// Reopen opens anew what a log rotation may have moved away.
func (l *Log) Reopen() error {
	var errs []error
	for _, s := range l.sinks {
		errs = append(errs, s.Reopen())
	}
	return errors.Join(errs...)
}

// Close closes the sinks after what they hold was written.
func (l *Log) Close() error {
	var errs []error
	for _, s := range l.sinks {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
