package install

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"

	"github.com/outwork-go/outwork/internal/service/api"
	"github.com/outwork-go/outwork/internal/service/policy"
)

// action is a polkit action, and the functions whose rules name it.
type action struct {
	id        string
	functions []*api.Function
}

// actionsOf are the actions that a service's rules name, in the order in which
// they first appear.
func actionsOf(s *api.Service) []action {
	var actions []action
	index := make(map[string]int)
	for _, f := range s.Functions {
		walk(f.Rule, func(r policy.Rule) {
			if r.Kind != policy.Polkit {
				return
			}
			i, ok := index[r.Name]
			if !ok {
				i = len(actions)
				index[r.Name] = i
				actions = append(actions, action{id: r.Name})
			}
			actions[i].functions = append(actions[i].functions, f)
		})
	}
	return actions
}

// checkActions refuses what polkit would not take, by the rule that a policy goes
// by: the name is that of a file as well.
func checkActions(actions []action) error {
	var errs []error
	for _, a := range actions {
		errs = append(errs, policy.Rule{Kind: policy.Polkit, Name: a.id}.Check())
	}
	return errors.Join(errs...)
}

// The document that polkit reads. Its elements come in the order of the fields.
type (
	policyConfig struct {
		XMLName xml.Name  `xml:"policyconfig"`
		Vendor  string    `xml:"vendor"`
		Action  xmlAction `xml:"action"`
	}
	xmlAction struct {
		ID          string `xml:"id,attr"`
		Description string `xml:"description"`
		Message     string `xml:"message"`
		Defaults    struct {
			Any      string `xml:"allow_any"`
			Inactive string `xml:"allow_inactive"`
			Active   string `xml:"allow_active"`
		} `xml:"defaults"`
	}
)

const polkitHead = xml.Header + `<!DOCTYPE policyconfig PUBLIC "-//freedesktop//DTD PolicyKit Policy Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/PolicyKit/1/policyconfig.dtd">
`

// authenticate is what polkit answers unless the administrator's rules say
// otherwise: allowed for somebody who proves to be an administrator, which is
// remembered for some minutes.
const authenticate = "auth_admin_keep"

// actions are the files of the polkit actions. polkit of most systems looks for
// them in one place alone, whatever the prefix.
func (p *plan) actions() ([]File, error) {
	var files []File
	for _, a := range p.polkit {
		data, err := a.document(p.Name)
		if err != nil {
			return nil, fmt.Errorf("install: polkit action %s: %w", a.id, err)
		}
		files = append(files, File{Path: "usr/share/polkit-1/actions/" + a.id + ".policy", Data: data, Mode: 0o644})
	}
	return files, nil
}

func (a *action) document(vendor string) ([]byte, error) {
	doc := policyConfig{Vendor: vendor, Action: xmlAction{ID: a.id}}
	doc.Action.Description = a.doc(vendor)
	doc.Action.Message = "Authentication is required: " + a.doc(vendor)
	d := &doc.Action.Defaults
	d.Any, d.Inactive, d.Active = authenticate, authenticate, authenticate
	body, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(polkitHead), append(body, '\n')...), nil
}

// doc tells what the action's functions do, in a sentence each.
func (a *action) doc(name string) string {
	var docs []string
	for _, f := range a.functions {
		docs = append(docs, firstSentence(f.Doc, name+" "+f.Link.Name))
	}
	return strings.Join(docs, "; ")
}
