package osh

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"gateway"
)

// Batch is the request of batch.
type Batch struct{}

// BatchResult is what became of one line.
type BatchResult struct {
	Command string      `json:"command"`
	Result  BatchAnswer `json:"result"`
}

// BatchAnswer is the answer to one line.
type BatchAnswer struct {
	Code    string          `json:"error_code"`
	Message string          `json:"error_message"`
	Value   json.RawMessage `json:"value"`
}

// Bounds of a batch, whose results are kept until its end.
const (
	maxBatchLines = 10_000
	maxBatchBytes = 16 << 20
)

func batchCommand() *Command {
	return &Command{
		Name:     "batch",
		Category: Open,
		Summary:  "run commands that are read from the input",
		Long: "Lines are written as after --osh, and are run until exit, quit or the end of the input, also when one fails. " +
			"What is run can't ask anything: use --no-confirm where a command would.",
		Examples: []string{"batch --json <commands.txt"},
		New:      func() any { return new(Batch) },
		Local:    batchLocal,
	}
}

func batchLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	env.editor()
	b := &batch{env: env.deaf(), results: []BatchResult{}}
	for ctx.Err() == nil {
		raw, err := env.batchLine()
		if errors.Is(err, errTypedLong) {
			return b.failed(fmt.Sprintf("line %d is longer than %d bytes", b.lines+1, maxTyped)), nil
		}
		if err != nil {
			break // the end of the input
		}
		raw = strings.TrimSpace(raw)
		if raw == "exit" || raw == "quit" {
			break
		}
		if raw == "" {
			continue
		}
		b.run(ctx, raw)
		if b.lines >= maxBatchLines || b.size > maxBatchBytes {
			return b.failed(fmt.Sprintf("a batch has at most %d lines and %d bytes of results", maxBatchLines, maxBatchBytes)), nil
		}
	}
	return OK("batch", "OK", fmt.Sprintf("%d commands were run, %d of them failed.", b.lines, b.bad), b.results), nil
}

// batchLine reads one line; where somebody types, after a prompt.
func (e *Env) batchLine() (string, error) {
	if e.Terminal == nil {
		return readLine(e.In)
	}
	return e.ask("batch> ")
}

// batch is what was run so far.
type batch struct {
	env     *Env
	results []BatchResult
	lines   int
	bad     int // lines that failed
	size    int // of results, in bytes
}

// run executes one line and keeps its result.
func (b *batch) run(ctx context.Context, raw string) {
	b.lines++
	writeText(b.env.Out, "--- "+raw+"\n")
	line, err := ParseLine("--osh " + raw)
	if err == nil && line.Command == "batch" {
		err = refuse(gateway.RefusalOptions, "a batch can't be part of a batch")
	}
	var r Result
	if err != nil {
		r = refusalOf(err)
		complain(b.env, line, r)
	} else {
		r = perform(ctx, b.env, line)
	}
	if r.Exit != 0 {
		b.bad++
	}
	if len(r.Value) == 0 {
		r.Value = json.RawMessage("null")
	}
	b.size += len(raw) + len(r.Message) + len(r.Value)
	b.results = append(b.results, BatchResult{raw, BatchAnswer{r.Code, r.Message, r.Value}})
}

// failed ends the batch before its input does.
func (b *batch) failed(why string) Result {
	return Fail("batch", "ERR_INVALID_PARAMETER",
		fmt.Sprintf("%s: stopped after %d lines, which were run", why, b.lines), b.results)
}
