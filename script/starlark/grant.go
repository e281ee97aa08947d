package starlark

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/outwork-go/outwork/internal/legible"
)

// GrantHost is the grant that gives a script the module host: files and
// commands of the machine that its process runs on, with all the rights of
// that process. It is there on Linux.
const GrantHost = "host"

// checkGrants refuses what cannot be granted.
func checkGrants(grants []string) error {
	for _, g := range grants {
		if g != GrantHost {
			return fmt.Errorf("there is no grant %q: the only one is %s", legible.Cut(g, 40), GrantHost)
		}
		if !hostIsHere {
			return errors.New("the grant host is there on Linux alone")
		}
	}
	return nil
}

// notGranted is that a script mentions what was not granted to it.
type notGranted struct{ at syntax.Position }

func (notGranted) Error() string { return "host: not granted; run with --grant host" }

// nameGrant says of a file that mentions the module host, which is not there,
// why that is so. What else is unknown in it comes first.
func nameGrant(err error) error {
	list, ok := errors.AsType[resolve.ErrorList](err)
	if !ok {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(list), mentionsHost)
	if len(others) > 0 {
		return others
	}
	return notGranted{list[0].Pos}
}

func mentionsHost(e resolve.Error) bool {
	what, _, _ := strings.Cut(e.Msg, " (") // before a guess at what was meant
	return what == "undefined: "+GrantHost
}
