package programs

import (
	"context"
	"fmt"

	"go.uber.org/zap"
)

// Verdict is what the program says of an account.
type Verdict int

// The verdicts. Unknown is also that of a program that fails.
const (
	Unknown Verdict = iota
	Active
	Inactive
)

// Answer is the program's answer.
type Answer struct {
	Verdict Verdict
	Text    string // for the person, printable; empty: nothing
}

// Passes says whether a login goes on. What the program does not know
// denyOnFailure decides, and stops no administrator: somebody must be able to
// repair it.
func (a Answer) Passes(admin, denyOnFailure bool) bool {
	switch a.Verdict {
	case Active:
		return true
	case Inactive:
		return false
	}
	return admin || !denyOnFailure
}

// Active asks program about account. It waits for its turn as long as ctx lasts.
func (r *Runner) Active(ctx context.Context, program, account string) Answer {
	a, err := r.active(ctx, program, account)
	if err != nil {
		r.log.Warn("accountExternalValidationProgram failed", zap.String("principal", account), zap.Error(err))
	}
	return a
}

func (r *Runner) active(ctx context.Context, program, account string) (Answer, error) {
	e, err := r.run(ctx, question{program: program, arg: account})
	if err != nil {
		return Answer{}, err
	}
	return e.answer()
}

// answer reads the exit status as The Bastion does.
func (e exit) answer() (Answer, error) {
	switch e.code {
	case 0:
		return Answer{Verdict: Active}, nil
	case 1:
		return Answer{Verdict: Inactive}, nil
	case 2:
		return Answer{}, nil
	case 3:
		return Answer{}, fmt.Errorf("it does not know: %s", e.stderr)
	case 4:
		return Answer{Text: e.stderr}, fmt.Errorf("it does not know: %s", e.stderr)
	}
	return Answer{Verdict: Inactive}, nil
}
