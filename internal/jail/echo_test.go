package jail_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// echo is an SSH server inside: it echoes a channel while many goroutines
// allocate, so that the collector and new threads are exercised too.
func echo() int {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	for range 50 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_ = bytes.Repeat([]byte{1}, 10_000)
					runtime.Gosched()
				}
			}
		})
	}
	for range 8 { // goroutines that hold a thread each
		wg.Go(func() {
			runtime.LockOSThread()
			<-stop
		})
	}
	if err := serveEcho(); err != nil {
		fmt.Println("echo:", err)
		return 1
	}
	fmt.Println("done")
	return 0
}

func serveEcho() error {
	f := os.NewFile(fdSocket, "socket")
	nc, err := net.FileConn(f)
	if err != nil {
		return err
	}
	f.Close()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		return err
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(signer)
	_, channels, requests, err := ssh.NewServerConn(nc, config)
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	opened := <-channels
	ch, requests, err := opened.Accept()
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(requests)
	if _, err := io.Copy(ch, ch); err != nil {
		return err
	}
	if err := ch.CloseWrite(); err != nil {
		return err
	}
	for range channels { // until the peer hangs up
	}
	return nil
}

func TestServerWorksInside(t *testing.T) {
	requireKernel(t)
	for name, cred := range uids(t) {
		for i := range 3 {
			t.Run(fmt.Sprint(name, i), func(t *testing.T) {
				ours, theirs := socketpair(t)
				said := make(chan string, 1)
				go func() { said <- run(t, order{Do: "echo"}, cred, theirs) }()
				checkEcho(t, ours)
				if got := <-said; got != "done" {
					t.Errorf("server ended with %s", got)
				}
			})
		}
	}
}

func checkEcho(t *testing.T, nc net.Conn) {
	t.Helper()
	conn, channels, requests, err := ssh.NewClientConn(nc, "", &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	go ssh.DiscardRequests(requests)
	go func() {
		for c := range channels {
			c.Reject(ssh.Prohibited, "")
		}
	}()
	ch, requests, err := conn.OpenChannel("session", nil)
	if err != nil {
		t.Error(err)
		return
	}
	go ssh.DiscardRequests(requests)
	sent := make([]byte, 10<<20)
	rand.Read(sent)
	go func() {
		ch.Write(sent)
		ch.CloseWrite()
	}()
	got, err := io.ReadAll(ch)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("echoed %d of %d bytes, equal: %v, error: %v", len(got), len(sent), bytes.Equal(got, sent), err)
	}
}
