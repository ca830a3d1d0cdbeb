package access

import (
	"errors"
	"fmt"
	"sync"

	"github.com/fob-auth/fob/sts/local/managed"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/store"
)

// maxCompiled bounds how many documents stay compiled.
const maxCompiled = 4096

// Policies compiles policy documents, each text once. The zero value is ready;
// it is safe for concurrent use.
type Policies struct {
	mu       sync.Mutex
	compiled map[string]*policy.Document
}

// Compile returns the document of a text that was checked when it was stored.
func (p *Policies) Compile(text string) (*policy.Document, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d, ok := p.compiled[text]; ok {
		return d, nil
	}
	d, err := policy.Parse([]byte(text))
	if err != nil {
		return nil, fmt.Errorf("stored policy: %w", err)
	}
	if p.compiled == nil || len(p.compiled) >= maxCompiled {
		p.compiled = map[string]*policy.Document{}
	}
	p.compiled[text] = d
	return d, nil
}

// A collector gathers the policies of an identity.
type collector struct {
	t        store.Tables
	policies *Policies
	found    []policy.Named
	err      error
}

// identity gathers the policies of a user with its groups, or of a role. A
// federated user has those of who asked for it: all rights for a root user.
func (c *collector) identity(caller Caller) {
	switch {
	case caller.IsFederated() && caller.User == nil:
		c.managed("arn:" + caller.Account.Partition + ":iam::aws:policy/AdministratorAccess")
	case caller.User != nil:
		c.user(*caller.User)
	case caller.Role != nil:
		c.grants("role "+caller.Role.Name, caller.Role.Grants)
	}
}

// boundary is the permissions boundary under that ARN; nil for "". One that is
// gone allows nothing.
func (c *collector) boundary(arn string) *policy.Named {
	if arn == "" {
		return nil
	}
	one := &collector{t: c.t, policies: c.policies}
	one.managed(arn)
	c.err = errors.Join(c.err, one.err)
	if len(one.found) == 0 {
		return &policy.Named{Name: arn}
	}
	return &one.found[0]
}

// user gathers a user's policies and those of its groups.
func (c *collector) user(u store.User) {
	c.grants("user "+u.Name, u.Grants)
	for _, id := range u.Groups {
		if g, ok := c.t.Groups.Get(id); ok {
			c.grants("group "+g.Name, g.Grants)
		}
	}
}

func (c *collector) grants(of string, g store.Grants) {
	for _, p := range g.Inline {
		c.document(of+" policy "+p.Name, p.Document)
	}
	for _, arn := range g.Attached {
		c.managed(arn)
	}
}

// managed adds a managed policy, the account's or AWS's.
func (c *collector) managed(arn string) {
	if p, ok := c.t.Policies.Get(arn); ok {
		c.document(arn, p.Document)
	} else if text, ok := managed.Lookup(arn); ok {
		c.document(arn, text)
	}
}

func (c *collector) document(name, text string) {
	d, err := c.policies.Compile(text)
	if err != nil {
		c.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	c.found = append(c.found, policy.Named{Name: name, Document: d})
}
