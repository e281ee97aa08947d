package gate

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/outwork-go/outwork/internal/channel"
)

// A token as text is tokenPrefix and, in base64url without padding: version, id,
// secret, the pin of the gate's key, and the first bytes of the SHA-256 of those.
const (
	tokenPrefix  = "outwork-"
	tokenVersion = 1
	idSize       = 8
	secretSize   = 16
	pinSize      = len(channel.Pin{})
	sumSize      = 4
	tokenSize    = 1 + idSize + secretSize + pinSize + sumSize
)

// maxNames is how long Pass.Names may be, in bytes.
const maxNames = 256

// ticket is a token taken apart.
type ticket struct {
	id     [idSize]byte
	secret [secretSize]byte
	pin    channel.Pin
}

func newTicket(pin channel.Pin) *ticket {
	t := &ticket{pin: pin}
	rand.Read(t.id[:])
	rand.Read(t.secret[:])
	return t
}

// text is what parseTicket takes apart.
func (t *ticket) text() string {
	b := append(make([]byte, 0, tokenSize), tokenVersion)
	b = append(b, t.id[:]...)
	b = append(b, t.secret[:]...)
	b = append(b, t.pin[:]...)
	sum := sha256.Sum256(b)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(append(b, sum[:sumSize]...))
}

// parseTicket takes a token apart. Its errors say what is wrong and never show it: a part
// of a secret is one too.
func parseTicket(token string) (*ticket, error) {
	code, ok := strings.CutPrefix(strings.TrimSpace(token), tokenPrefix)
	if !ok {
		return nil, errors.New("this is no token: it does not begin with " + tokenPrefix)
	}
	if want := base64.RawURLEncoding.EncodedLen(tokenSize); len(code) != want {
		return nil, fmt.Errorf("the token is not whole: it has %d characters behind %s, not %d", len(code), tokenPrefix, want)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(code)
	if err != nil || len(b) != tokenSize { // the decoder passes over line ends
		return nil, errors.New("the token is mistyped: it has a character that none has")
	}
	body, sum := b[:tokenSize-sumSize], sha256.Sum256(b[:tokenSize-sumSize])
	if [sumSize]byte(b[len(body):]) != [sumSize]byte(sum[:]) {
		return nil, errors.New("the token is mistyped: its last characters do not fit the others")
	}
	if body[0] != tokenVersion {
		return nil, fmt.Errorf("the token is of version %d, and this program knows version %d", body[0], tokenVersion)
	}
	body = body[1:]
	return &ticket{
		id:     [idSize]byte(body),
		secret: [secretSize]byte(body[idSize:]),
		pin:    channel.Pin(body[idSize+secretSize:]),
	}, nil
}

// ParseToken is the pin in a token. Its error says what is wrong with one that cannot be
// one: mistyped, cut short, of another version. White space around it does not matter.
func ParseToken(token string) (channel.Pin, error) {
	t, err := parseTicket(token)
	if err != nil {
		return channel.Pin{}, err
	}
	return t.pin, nil
}

// tokens are those of a gate. It is safe for concurrent use.
type tokens struct {
	mu      sync.Mutex // guards what follows, and the tokens
	known   map[[idSize]byte]*token
	sweepAt int // how many there may be before those that are worth nothing are forgotten
}

// token is what is kept of one: not its secret.
type token struct {
	hash    [sha256.Size]byte // of the secret
	names   string
	left    int       // uses; negative: any number
	expires time.Time // zero: never. Only its monotonic part counts
	revoked bool
}

// sweepLeast is how many dead tokens are remembered at least, so that the log can say why
// one is refused.
const sweepLeast = 1024

// check reports what is wrong with p, and fills its defaults in.
func (p *Pass) check() error {
	if p.Uses == 0 {
		p.Uses = 1
	}
	if p.Names == "" {
		p.Names = "*"
	}
	switch _, err := path.Match(p.Names, ""); {
	case p.Uses < -1:
		return fmt.Errorf("a token cannot be used %d times", p.Uses)
	case p.Expires < 0:
		return fmt.Errorf("a token cannot expire %v ago", -p.Expires)
	case len(p.Names) > maxNames:
		return fmt.Errorf("a pattern of names has %d bytes, more than %d", len(p.Names), maxNames)
	case err != nil:
		return fmt.Errorf("%s is no pattern of names: %w", quoted(p.Names), err)
	case !isPattern(p.Names) && !validName(p.Names):
		return fmt.Errorf("%s is no name of a host: %s", quoted(p.Names), nameRule)
	}
	return nil
}

func isPattern(names string) bool { return strings.ContainsAny(names, `*?[\`) }

// add makes a token.
func (ts *tokens) add(p Pass, pin channel.Pin) (string, error) {
	if err := p.check(); err != nil {
		return "", err
	}
	ticket := newTicket(pin)
	return ticket.text(), ts.keep(ticket, p)
}

// readmit is add of one that a gate with the same key has made before.
func (ts *tokens) readmit(k *ticket, p Pass) error {
	if err := p.check(); err != nil {
		return err
	}
	return ts.keep(k, p)
}

// keep makes a ticket what p says. p was checked.
func (ts *tokens) keep(k *ticket, p Pass) error {
	t := &token{hash: sha256.Sum256(k.secret[:]), names: p.Names, left: p.Uses}
	if p.Expires > 0 {
		t.expires = time.Now().Add(p.Expires)
	}
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.sweep()
	if ts.known[k.id] != nil {
		return errors.New("this token is known here already")
	}
	if ts.known == nil {
		ts.known = map[[idSize]byte]*token{}
	}
	ts.known[k.id] = t
	return nil
}

// sweep forgets tokens that are worth nothing, when there are many.
func (ts *tokens) sweep() {
	if len(ts.known) < max(ts.sweepAt, sweepLeast) {
		return
	}
	for id, t := range ts.known {
		if t.dead() != nil {
			delete(ts.known, id)
		}
	}
	ts.sweepAt = 2 * len(ts.known)
}

// revoke makes the token worth nothing.
func (ts *tokens) revoke(k *ticket) error {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, err := ts.find(k.id[:], k.secret[:])
	if err != nil {
		return errors.New("this token is none of this listener's")
	}
	t.revoked = true
	return nil
}

// Why a token is worth nothing, to the log.
var (
	errTokenUnknown = errors.New("a token that is unknown")
	errTokenSecret  = errors.New("a token with another secret")
	errTokenUsed    = errors.New("a token that is used up")
	errTokenExpired = errors.New("a token that has expired")
	errTokenRevoked = errors.New("a token that was revoked")
)

// find is the token with that id and secret, whatever it is worth.
func (ts *tokens) find(id, secret []byte) (*token, error) {
	t := ts.known[[idSize]byte(id)]
	hash := sha256.Sum256(secret)
	switch {
	case t == nil:
		return nil, errTokenUnknown
	case subtle.ConstantTimeCompare(t.hash[:], hash[:]) == 0:
		return nil, errTokenSecret
	}
	return t, nil
}

// dead is why t is worth nothing, or nil.
func (t *token) dead() error {
	switch {
	case t.revoked:
		return errTokenRevoked
	case t.left == 0:
		return errTokenUsed
	case !t.expires.IsZero() && !time.Now().Before(t.expires):
		return errTokenExpired
	}
	return nil
}

// use takes one use of the token, if then, which is told the names that it allows, agrees.
func (ts *tokens) use(id, secret []byte, then func(names string) *refused) *refused {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t, err := ts.find(id, secret)
	if err == nil {
		err = t.dead()
	}
	if err != nil {
		return refuse(codeKey, "the token is unknown, used up, expired or revoked", err.Error())
	}
	if r := then(t.names); r != nil {
		return r
	}
	if t.left > 0 {
		t.left--
	}
	return nil
}

// choose is the name of a host that wants to be called wanted, with a token for names.
func choose(wanted, names string) (string, *refused) {
	if wanted == "" && !isPattern(names) {
		wanted = names
	}
	allowed, _ := path.Match(names, wanted)
	switch {
	case wanted == "":
		return "", refuse(codeName, "the host has no name, and the token does not say one: give it one", "no name")
	case !validName(wanted):
		return "", refuse(codeName, quoted(wanted)+" is no name of a host: "+nameRule, "a name that is none: "+quoted(wanted))
	case !allowed:
		return "", refuse(codeName, "the token is not for the name "+wanted, "a name that the token does not allow: "+wanted)
	}
	return wanted, nil
}
