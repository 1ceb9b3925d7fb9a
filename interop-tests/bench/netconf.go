package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	endOfMessage = "]]>]]>"
	helloEnd     = `</capabilities></hello>` + endOfMessage
	hello10      = `<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability>`
	capability11 = `<capability>urn:ietf:params:netconf:base:1.1</capability>`
	getConfig    = `<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><get-config><source><running/></source></get-config></rpc>`
	replyStart   = `<rpc-reply xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><data><config xmlns="urn:x">`
	replyEnd     = `</config></data></rpc-reply>`
	replyBytes   = 50 << 20
	replyPiece   = 16 << 10 // of a chunk
)

// device is the other end: it says hello, and to the first request it gives a
// configuration of replyBytes. Without a client that speaks base:1.1 it is
// framed as base:1.0 has it. It ends with its input.
func device(in io.Reader, out io.Writer) error {
	if _, err := io.WriteString(out, hello10+capability11+helloEnd); err != nil {
		return err
	}
	r := bufio.NewReader(in)
	var hello []byte
	for !bytes.HasSuffix(hello, []byte(endOfMessage)) {
		c, err := r.ReadByte()
		if err != nil {
			return err
		}
		hello = append(hello, c)
	}
	chunked := bytes.Contains(hello, []byte(capability11))
	for {
		line, err := r.ReadSlice('>')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if bytes.HasSuffix(line, []byte("</rpc>")) {
			break
		}
	}
	w := bufio.NewWriterSize(out, 64<<10)
	piece := func(s []byte) {
		if chunked {
			fmt.Fprintf(w, "\n#%d\n", len(s))
		}
		w.Write(s) // the first error is told by Flush
	}
	piece([]byte(replyStart))
	body := configuration()
	for sent := 0; sent < replyBytes; sent += replyPiece {
		at := sent % (len(body) - replyPiece)
		piece(body[at : at+replyPiece])
	}
	piece([]byte(replyEnd))
	if chunked {
		w.WriteString("\n##\n")
	} else {
		w.WriteString(endOfMessage)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// configuration is something like one, a megabyte of it.
func configuration() []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < mebibyte; i++ {
		fmt.Fprintf(&b, "<interface><name>eth%d</name><mtu>%d</mtu><address><ip>10.%d.%d.%d</ip><prefix-length>24</prefix-length></address></interface>\n",
			i, 1280+i*7919%8000, i%251, i*31%253, i*17%254)
	}
	return b.Bytes()
}

// netconf moves a large reply through the gateway as bytes of a command and,
// of the same device, as NETCONF in both framings.
func (b *bench) netconf() error {
	i := slices.IndexFunc(b.routes, func(r route) bool { return r.name == "gateway" })
	if i < 0 {
		return nil
	}
	r := b.routes[i]
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	kinds := []struct{ name, hello, end string }{
		{"as bytes of a command", hello10 + helloEnd, endOfMessage},
		{"as NETCONF 1.0", hello10 + helloEnd, endOfMessage},
		{"as NETCONF 1.1", hello10 + capability11 + helloEnd, ""},
	}
	rate, memory := map[string][]float64{}, map[string][]float64{}
	for range max(5, 2*b.sizes.bulk) {
		for n, k := range kinds {
			cmd := b.ssh(r, []string{"-c", "aes128-gcm@openssh.com"}, exe+" -device")
			if n > 0 {
				cmd = exec.CommandContext(b.ctx, "ssh", "-F", b.path("config"), "-c", "aes128-gcm@openssh.com",
					"-s", "-l", "bench+"+b.user+"@127.0.0.1:"+b.port, "gateway", "netconf")
			}
			request := getConfig + k.end
			if k.end == "" {
				request = "\n#" + strconv.Itoa(len(getConfig)) + "\n" + getConfig + "\n##\n"
			}
			took, peak, err := b.fetch(r, cmd, k.hello, request)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			rate[k.name] = append(rate[k.name], float64(replyBytes)/mebibyte/took.Seconds())
			memory[k.name] = append(memory[k.name], peak)
			if err := b.dropRecordings(); err != nil {
				return err
			}
		}
	}
	blind := median(rate[kinds[0].name])
	for n, k := range kinds {
		b.table.add("reply of 50 MiB "+k.name, "MiB/s", map[string]float64{"gateway": median(rate[k.name])}, target{})
		if n > 0 {
			b.table.add("that, of the bytes of a command", "×", map[string]float64{"gateway": median(rate[k.name]) / blind}, target{limit: 0.7, atLeast: true})
		}
		b.table.add("most memory of the session", "MiB", map[string]float64{"gateway": median(memory[k.name])}, target{})
	}
	return nil
}

// fetch asks for the reply. It gives the time from the request to its end, and
// the most memory that the session's process had.
func (b *bench) fetch(r route, cmd *exec.Cmd, hello, request string) (time.Duration, float64, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if b.verbose {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	defer cmd.Wait() // how it ended says nothing
	defer in.Close()
	if _, err := io.WriteString(in, hello); err != nil {
		return 0, 0, err
	}
	said := make([]byte, len(hello10+capability11+helloEnd))
	if _, err := io.ReadFull(out, said); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	if _, err := io.WriteString(in, request); err != nil {
		return 0, 0, err
	}
	if _, err := io.CopyN(io.Discard, out, replyBytes); err != nil {
		return 0, 0, err
	}
	took := time.Since(start)
	go io.Copy(io.Discard, out)
	peak, err := peakMemory(r.root)
	return took, peak, err
}

// peakMemory is the most that a session process below root ever had, in MiB.
func peakMemory(root int) (float64, error) {
	all, err := tree(root)
	if err != nil {
		return 0, err
	}
	most := 0.0
	for _, p := range all {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.pid))
		if err != nil || !bytes.Contains(status, []byte("Name:\tgateway-sessio")) {
			continue // it has ended, or is another
		}
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		if fields := strings.Fields(after); len(fields) > 0 {
			if kib, err := strconv.ParseFloat(fields[0], 64); err == nil {
				most = max(most, kib/1024)
			}
		}
	}
	return most, nil
}
