package osh

import (
	"context"
	"fmt"
)

// CodeUnconfirmed is how the monitor asks for a typed sentence, and how a
// command ends when it was not typed.
const CodeUnconfirmed = "ERR_OPERATOR_IS_DRUNK"

// ConfirmOption is embedded in requests that destroy something. The monitor
// wants either NoConfirm or the sentence that it asked for in Confirm.
type ConfirmOption struct {
	NoConfirm bool `opt:"no-confirm" help:"don't ask for a confirmation"`
	Confirm   string
}

func (o *ConfirmOption) confirmation() *string { return &o.Confirm }

// confirmed is the Local of commands whose request embeds ConfirmOption. The
// monitor is asked first, so that nobody types a sentence for nothing.
func confirmed(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Code != CodeUnconfirmed {
		return r, err
	}
	writeText(env.Err, r.Message+"\n")
	typed, err := env.ask("> ")
	if err != nil {
		typed = ""
	}
	field, ok := req.(interface{ confirmation() *string })
	if !ok {
		return Result{}, fmt.Errorf("request %T takes no confirmation", req)
	}
	*field.confirmation() = typed
	r, err = run(ctx, req)
	if err == nil && r.Code == CodeUnconfirmed {
		r.Message = "That was not the sentence: nothing was changed."
	}
	return r, err
}
