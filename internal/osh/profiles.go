package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"gateway"
	"gateway/internal/dialogue"
)

// ProfileList is the request of profileList.
type ProfileList struct{ FilterOptions }

// ListedProfile is one device profile.
type ListedProfile struct {
	Name   string `json:"name"`
	Vendor string `json:"vendor"`
	Legacy bool   `json:"legacy"`
	Own    bool   `json:"own"` // a file of the node, not one that comes with the program
}

func profileListCommand() *Command {
	return &Command{
		Name:     "profileList",
		Category: Open,
		Summary:  "list the device profiles that accesses may name",
		Examples: []string{"profileList", "profileList --include cisco"},
		New:      func() any { return new(ProfileList) },
		Text:     profileListText,
	}
}

func profileListText(w io.Writer, r Result) error {
	var list []ListedProfile
	if err := json.Unmarshal(r.Value, &list); err != nil {
		return err
	}
	for _, p := range list {
		note := ""
		if p.Own {
			note = " (a file of this node)"
		}
		fmt.Fprintf(w, "  %-20s %s%s\n", p.Name, p.Vendor, note)
	}
	return nil
}

// ProfileTest is the request of profileTest.
type ProfileTest struct {
	Profile string `opt:"profile" arg:"PROFILE" pos:"true" help:"the device profile; found out if not given"`
}

// ProfileTestPlan is what the monitor answers: the profiles, encoded.
type ProfileTestPlan struct{ Profiles string }

// ProfileTestValue is the value of profileTest, also of its failure.
type ProfileTestValue struct {
	Profile string        `json:"profile"` // that was named; empty: none was
	Matches bool          `json:"matches"` // all that the dialogue says happened
	Steps   []ProfileStep `json:"steps"`
}

// ProfileStep is one thing that happened.
type ProfileStep struct {
	Line int    `json:"line"` // of the dialogue; 0: at its end
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func profileTestCommand() *Command {
	return &Command{
		Name:     "profileTest",
		Category: Restricted,
		Summary:  "try a device profile with a stored login dialogue",
		Long: "The dialogue is read from standard input, and what happens is said step by step. Its lines: < TEXT the device " +
			"sends a line; <- TEXT it sends a prompt; ~ it is silent; > TEXT what is to be written then: {user}, {password}, " +
			"{second} or other text; = done PROMPT or = failed KIND the end; # a remark. No password is used: it is one made up.",
		Examples: []string{"profileTest --profile cisco-ios", "profileTest"},
		New:      func() any { return new(ProfileTest) },
		Local:    profileTestLocal,
	}
}

// profileTestLocal plays the dialogue where it can do no harm.
func profileTestLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	var plan ProfileTestPlan
	if err := json.Unmarshal(r.Value, &plan); err != nil {
		return Result{}, fmt.Errorf("read the device profiles: %w", err)
	}
	profiles, err := dialogue.Decode(plan.Profiles)
	if err != nil {
		return Result{}, err
	}
	invalid := func(err error) (Result, error) {
		return Fail("profileTest", "ERR_INVALID_PARAMETER", err.Error(), nil), nil
	}
	text, err := env.askLines("The dialogue, and then a line with a dot alone:\n")
	if err != nil {
		return invalid(fmt.Errorf("the dialogue could not be read to its end: %w", err))
	}
	happened, ok, err := dialogue.Rehearse(profiles, text)
	if err != nil {
		return invalid(err)
	}
	v := ProfileTestValue{Profile: req.(*ProfileTest).Profile, Matches: ok, Steps: []ProfileStep{}}
	for _, h := range happened {
		s := ProfileStep{Line: h.Line, Kind: h.Kind, Text: gateway.Printable(h.Text)}
		v.Steps = append(v.Steps, s)
		writeText(env.Out, fmt.Sprintf("%5d  %-8s  %s\n", s.Line, s.Kind, s.Text))
	}
	if !ok {
		return Fail("profileTest", "KO_DIALOGUE_DIFFERS", "the login went another way than the dialogue says", v), nil
	}
	return OK("profileTest", "OK", "The dialogue was played.", v), nil
}
