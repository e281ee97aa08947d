package core

import (
	"context"
	"fmt"
	"time"

	"github.com/outwork-go/outwork"
	"github.com/outwork-go/outwork/call"
	"github.com/outwork-go/outwork/service"
)

// umaskTime is how long a client may take to tell its umask.
const umaskTime = 5 * time.Second

// DirectoryArgs are the arguments of directory.create.
type DirectoryArgs struct {
	Name   string `cbor:"name" doc:"the name of the directory" arg:"0" pattern:"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}"`
	Parent string `cbor:"parent" doc:"where it is created" enum:"/srv,/opt" default:"/srv"`
}

// DirectoryReply is a directory that was created.
type DirectoryReply struct {
	Path string `cbor:"path" doc:"the directory"`
	Mode string `cbor:"mode" doc:"its permissions, in octal"`
}

// UmaskReply is the file mode creation mask of a session.
type UmaskReply struct {
	Mask uint32 `cbor:"mask" doc:"the mask's permission bits" max:"511"`
}

// Umask tells the umask of the process that it runs in: of the client's, when the
// daemon calls it there.
var Umask = outwork.Func("session.umask", func(context.Context, Nothing) (UmaskReply, error) {
	mask, err := umask()
	return UmaskReply{mask}, err
})

// CreateDirectory creates a directory that is its caller's. The caller is asked
// for its umask.
var CreateDirectory = outwork.Func("directory.create", func(ctx context.Context, a DirectoryArgs) (DirectoryReply, error) {
	mask, err := askUmask(ctx)
	if err != nil {
		return DirectoryReply{}, err
	}
	caller := service.Caller(ctx)
	mode := 0o777 &^ mask
	if err := createDirectory(a.Parent, a.Name, owner{caller.UID, caller.GID}, mode); err != nil {
		return DirectoryReply{}, err
	}
	return DirectoryReply{Path: a.Parent + "/" + a.Name, Mode: fmt.Sprintf("%04o", mode)}, nil
})

// owner is whom a directory is made for.
type owner struct{ uid, gid uint32 }

// parents are the directories in which others can be created.
var parents = map[string]bool{"/srv": true, "/opt": true}

// askUmask asks the caller, and believes nothing but permission bits.
func askUmask(ctx context.Context) (uint32, error) {
	asking, cancel := context.WithTimeout(ctx, umaskTime)
	defer cancel()
	r, err := Umask.Call(asking, call.Back(ctx), Nothing{})
	if err != nil {
		return 0, fmt.Errorf("ask the client for its umask: %w", err)
	}
	if r.Mask > 0o777 {
		return 0, fmt.Errorf("the client's umask is %#o, which is more than permission bits", r.Mask)
	}
	return r.Mask, nil
}
