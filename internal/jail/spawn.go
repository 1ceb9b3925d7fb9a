package jail

import (
	"fmt"
	"os"
	"syscall"
)

// The range of user ids for processes started by root, one for each role or
// session; the caller assigns them. It lies above what distributions give to
// people, services and (from 524288 on, 65536 at a time) the first user's
// containers.
const (
	FirstUID = 600000
	LastUID  = 665535
)

// Attr says how to start a child with no more than its own authority. Started
// by root it gets the user and group id uid, and no other group; started by
// anybody else, for whom uid is ignored, it keeps the user's.
//
// The child leads a session of its own, so that signals from a terminal reach
// only its parent, which ends it in order. It does not get a signal when its
// parent dies, because Linux ties that to the thread that started it, and Go's
// come and go: the child must end when its control socket does. Only a
// Spawner's thread stays, and its children are killed.
func Attr(uid uint32) (*syscall.SysProcAttr, error) {
	a := &syscall.SysProcAttr{Setsid: true}
	if os.Geteuid() != 0 {
		return a, nil
	}
	if uid < FirstUID || uid > LastUID {
		return nil, fmt.Errorf("child user id %d: outside %d–%d", uid, FirstUID, LastUID)
	}
	a.Credential = &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{}}
	return a, nil
}
