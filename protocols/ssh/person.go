package ssh

import (
	"errors"
	"fmt"

	"gateway"
)

// Bounds of what a target may ask a person.
const (
	maxTries     = 3 // of one method
	maxQuestions = 8 // in one message
	maxRounds    = 16
)

// person answers what a target asks besides a key.
type person struct {
	login   string // where, for the question: whoever is asked must see who asks
	ask     func(question string, echo bool) (gateway.Secret, error)
	rounds  int
	answers []gateway.Secret
	asked   bool
	gaveUp  error // why nothing more is asked
}

// password asks for the password of the login.
func (p *person) password() (string, error) { return p.answer(p.login+"'s password: ", false) }

// challenge answers a message of keyboard-interactive, RFC 4256.
func (p *person) challenge(name, instruction string, questions []string, echos []bool) ([]string, error) {
	if p.rounds++; p.rounds > maxRounds || len(questions) > maxQuestions {
		p.gaveUp = errors.New("it asks too many questions")
		return nil, p.gaveUp
	}
	var answers []string
	intro := ""
	for _, text := range []string{name, instruction} {
		if text != "" {
			intro += line(text) + ": "
		}
	}
	for i, question := range questions {
		answer, err := p.answer(fmt.Sprintf("(%s) %s%s", p.login, intro, line(question)), echos[i])
		if err != nil {
			return nil, err
		}
		answers, intro = append(answers, answer), ""
	}
	return answers, nil
}

func (p *person) answer(question string, echo bool) (string, error) {
	if p.gaveUp != nil {
		return "", p.gaveUp
	}
	p.asked = true
	secret, err := p.ask(question, echo)
	if err != nil {
		p.gaveUp = fmt.Errorf("ask for %s: %w", p.login, err)
		return "", p.gaveUp
	}
	p.answers = append(p.answers, secret)
	return asString(secret), nil
}

func (p *person) wipe() {
	for _, secret := range p.answers {
		secret.Wipe()
	}
}
