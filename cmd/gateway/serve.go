package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"gateway/internal/audit"
	"gateway/internal/config"
)

// serveCmd runs the gateway until it is told to stop.
type serveCmd struct {
	Listen []string `placeholder:"ADDR:PORT" help:"Listen here instead of where gateway.yaml says; may be repeated."`
}

// Run serves until SIGINT or SIGTERM. SIGHUP reopens the audit log.
func (c *serveCmd) Run(g *globals) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log := operatorLog()
	defer log.Sync() //nolint:errcheck // standard error can't always be synced
	n, err := openNode(folder(g.Data), log)
	if err != nil {
		return err
	}
	defer n.close()
	if err := n.warnUnprotected(); err != nil {
		return err
	}
	listeners, err := c.listen(n.config())
	if err != nil {
		return err
	}
	local, err := n.listenLocal()
	if err != nil {
		return err
	}
	defer local.Close()
	go n.serveLocal(ctx, local)
	go n.reopenOnHangup(ctx)

	if err := n.audit.Log(audit.Record{Event: audit.Node, Reason: "started"}); err != nil {
		return err
	}
	for _, l := range listeners {
		log.Info("listening", zap.Stringer("from", l.Addr()))
		fmt.Printf("listening on %s\n", l.Addr())
	}
	err = n.monitor.Serve(ctx, listeners...)
	return errors.Join(err, n.audit.Log(audit.Record{Event: audit.Node, Reason: "stopped"}))
}

// listen opens every listener, or none.
func (c *serveCmd) listen(conf *config.Config) ([]net.Listener, error) {
	addrs := conf.Listen
	if len(c.Listen) > 0 {
		addrs = c.Listen
	}
	var listeners []net.Listener
	for _, a := range addrs {
		l, err := net.Listen("tcp", a)
		if err != nil {
			for _, open := range listeners {
				open.Close()
			}
			if op, ok := errors.AsType[*net.OpError](err); ok {
				err = op.Err // the rest repeats the address
			}
			return nil, fmt.Errorf("listen on %s: %w", a, err)
		}
		listeners = append(listeners, l)
	}
	return listeners, nil
}

// operatorLog is for whoever runs the node; people's doings are in the audit log.
func operatorLog() *zap.Logger {
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.ISO8601TimeEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(enc), zapcore.Lock(os.Stderr), zap.InfoLevel))
}

// warnUnprotected says loudly what this kernel can't enforce, or refuses.
func (n *node) warnUnprotected() error {
	report, err := sandboxReport()
	if err != nil {
		return fmt.Errorf("try the sandbox: %w", err)
	}
	missing := report.Missing()
	if len(missing) == 0 {
		return nil
	}
	if n.config().Sandbox == config.SandboxRequire {
		return fmt.Errorf("this kernel lacks %v, and 'sandbox: require' is set; see gateway doctor", missing)
	}
	n.log.Warn("SESSIONS ARE NOT FULLY CONFINED: this kernel lacks protections; see gateway doctor", zap.Strings("missing", missing))
	return nil
}

func (n *node) reopenOnHangup(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			if err := n.audit.Reopen(); err != nil {
				n.log.Error("reopen audit log", zap.Error(err))
			}
		}
	}
}

// listenLocal opens the socket through which 'gateway osh' reaches a running
// gateway. Only the folder's owner gets there.
func (n *node) listenLocal() (*net.UnixListener, error) {
	path, err := filepath.Abs(n.folder.socket())
	if err != nil {
		return nil, err
	}
	// Whoever left it behind is gone: the folder's lock is ours.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Net: "unixpacket", Name: path})
	if err != nil {
		return nil, fmt.Errorf("open local socket: %w", err)
	}
	return l, os.Chmod(path, 0o600)
}
