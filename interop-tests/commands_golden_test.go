package interop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os/user"
	"regexp"
	"strings"
)

// answerJSON is the answer in the output of a command.
func answerJSON(out []byte) ([]byte, bool) {
	i := bytes.LastIndex(out, []byte("\nJSON_OUTPUT="))
	if i < 0 {
		return nil, false
	}
	raw, _, _ := bytes.Cut(out[i+len("\nJSON_OUTPUT="):], []byte("\n"))
	return bytes.TrimSpace(raw), true
}

// indent is an answer, one line for what holds only scalars: the rows of a
// list stay rows.
func (c *commandWorld) indent(raw []byte) string {
	text := c.stable(string(raw))
	out, err := rows([]byte(text), "\t")
	if err != nil {
		return text + " (no JSON)"
	}
	return out
}

// maxLine is how long a line of an answer may be.
const maxLine = 450

// rows writes the members of an object or array below one another, unless it
// fits in a line and holds no object, or is a whole answer that holds but one.
func rows(raw []byte, indent string) (string, error) {
	objects := bytes.Count(raw, []byte("{"))
	flat := objects == 0 || objects == 1 && raw[0] == '{' || objects == 2 && indent == "\t"
	if scalar := raw[0] != '{' && raw[0] != '['; scalar || flat && len(raw) <= maxLine {
		return string(raw), nil
	}
	var b strings.Builder
	d := json.NewDecoder(bytes.NewReader(raw))
	open, err := d.Token()
	b.WriteString(fmt.Sprint(open) + "\n")
	for err == nil && d.More() {
		b.WriteString(indent + "  ")
		if open == json.Delim('{') {
			var key json.Token
			key, err = d.Token()
			fmt.Fprintf(&b, "%q: ", key)
		}
		var member json.RawMessage
		err = errors.Join(err, d.Decode(&member))
		text := ""
		if err == nil {
			text, err = rows(member, indent+"  ")
		}
		b.WriteString(text)
		if d.More() {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	end, e := d.Token()
	return b.String() + indent + fmt.Sprint(end), errors.Join(err, e)
}

// volatile is what differs from run to run, or from machine to machine, and
// what stands for it; the kind stays to be seen.
var volatile = []struct {
	old *regexp.Regexp
	new string
}{
	{regexp.MustCompile(`\$([15689])\$[./0-9A-Za-z]{4,16}\$[./0-9A-Za-z]{22,86}`), "$$${1}$$SALT$$HASH"},
	{regexp.MustCompile(`SHA256:[A-Za-z0-9+/]{43}`), "SHA256:FINGERPRINT"},
	{regexp.MustCompile(`MD5(:[0-9a-f]{2}){16}`), "MD5:FINGERPRINT"},
	{regexp.MustCompile(`AAAA[A-Za-z0-9+/]{30,}=*`), "AAAA_BASE64"},
	{regexp.MustCompile(`\b[0-9a-f]{24}\b`), "SESSION_ID"},
	{regexp.MustCompile(`id[0-9a-f]{8}\b`), "idKEY"},
	{regexp.MustCompile(`(\b[A-Z][a-z]{2} )?\d{4}-\d\d-\d\d[ T@]\d\d:\d\d:\d\d(\.\d+)?( ?[A-Z]{1,5}\b)?`), "${1}DATE${3}"},
	{regexp.MustCompile(`\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun) DATE`), "Day DATE"},
	{regexp.MustCompile(`\b(\d+d\+)?\d\d:\d\d:\d\d\b`), "AGO"},
	{regexp.MustCompile(`\b1[6-9]\d{8}\.\d+`), "1700000000.5"},
	{regexp.MustCompile(`\b1[6-9]\d{8}\b`), "1700000000"},
	{regexp.MustCompile(`"(hostname|fortune)":"[^"]+"`), `"$1":"TEXT"`},
	{regexp.MustCompile(`ssh -p \d+ (\w+)@[A-Za-z0-9.-]+`), "ssh -p PORT $1@HOST"},
	{regexp.MustCompile(`"bastion_version":"[^"]+"`), `"bastion_version":"VERSION"`},
	{regexp.MustCompile(`VERSION=[^" ]*`), "VERSION=TEXT"},
	{regexp.MustCompile(`"uid":\d+`), `"uid":10000`},
	{regexp.MustCompile(`"port":(3[2-9]|[45]\d|60)\d{3}\b`), `"port":50000`}, // of a client
	{regexp.MustCompile(`"(avg|max|mdev|min)":"[\d.]+"`), `"$1":"0.1"`},
	{regexp.MustCompile(`"(last|avg|best|worst)":[\d.]+`), `"$1":0.1`},
	{regexp.MustCompile(`"(ping_duration)":"\d+"`), `"$1":"0"`},
}

// stable replaces what is volatile.
func (c *commandWorld) stable(text string) string {
	known := []string{"GATEWAY", "TARGET"}
	for i, name := range known {
		if port, ok := c.vars[name]; ok {
			text = regexp.MustCompile(`\b`+port+`\b`).ReplaceAllString(text, []string{"61001", "61002"}[i])
		}
	}
	if me, err := user.Current(); err == nil { // the node's owner, and the login at the target
		text = regexp.MustCompile(`\b`+regexp.QuoteMeta(me.Username)+`\b`).ReplaceAllString(text, "root")
	}
	for _, v := range volatile {
		text = v.old.ReplaceAllString(text, v.new)
	}
	return text
}
