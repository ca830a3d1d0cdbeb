package iam

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fob-auth/fob/sts/local/access"
	"github.com/fob-auth/fob/sts/local/policy"
	"github.com/fob-auth/fob/sts/local/query"
)

// stubPrincipal is aws:userid of a simulation that says of no caller
// (observed).
const stubPrincipal = "STUB_PRINCIPAL_FOR_POLICY_SIMULATOR"

// A simulation is a question to policies that nobody has asked in earnest.
type simulation struct {
	actions, resources []string
	identity           []policy.Named
	boundary           *policy.Named
	resource           *policy.Named
	owner              string // account of the resources, "" for the caller's
	principal          policy.Principal
	context            policy.Context
	cursor             cursor
}

// readSimulation reads what both simulations have in common.
func readSimulation(r *access.Request) (*simulation, error) {
	in := r.In
	s := &simulation{
		resources: in.Strings("ResourceArns", resourceRules...),
		actions:   in.Strings("ActionNames", actionRules...),
		cursor:    readCursor(in),
	}
	in.RequireList("ActionNames")
	caller := in.String("CallerArn", resourceRules...)
	owner := in.String("ResourceOwner", resourceRules...)
	in.String("ResourceHandlingOption", query.MinLen(1), query.MaxLen(64))
	inputs := in.Strings("PolicyInputList", documentRules...)
	boundaries := in.Strings("PermissionsBoundaryPolicyInputList", documentRules...)
	own := in.String("ResourcePolicy", documentRules...)
	s.setCaller(r, caller)
	if err := s.readContext(in); err != nil {
		return nil, err
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	if err := checkResources(s.resources); err != nil {
		return nil, err
	}
	return s, s.setPolicies(inputs, boundaries, own, owner)
}

// checkResources refuses resources that are no ARNs (field reports).
func checkResources(arns []string) error {
	var malformed []string
	for _, arn := range arns {
		if arn != "*" && (!strings.HasPrefix(arn, "arn:") || strings.Count(arn, ":") < 5) {
			malformed = append(malformed, arn)
		}
	}
	if len(malformed) > 0 {
		return invalidInput("ResourceNames are not in a valid ARN format: %s.", strings.Join(malformed, ", "))
	}
	return nil
}

// setCaller says who would call: by the ARN, or nobody in particular.
func (s *simulation) setCaller(r *access.Request, arn string) {
	a := r.Caller.Account
	s.principal = policy.Principal{Kind: policy.User, ARN: arn, Account: a.ID, Partition: a.Partition, ID: stubPrincipal}
	if arn != "" {
		s.principal.ID = arn
	}
	if parts := strings.SplitN(arn, ":", 6); len(parts) == 6 && parts[4] != "" {
		s.principal.Account = parts[4]
	}
	s.context.Set("aws:userid", s.principal.ID)
}

// readContext reads the context entries, of types that are lists or not.
func (s *simulation) readContext(in *query.Input) error {
	for _, element := range in.List("ContextEntries") {
		name := in.String(element+".ContextKeyName", contextKeyRules...)
		values := in.Strings(element + ".ContextKeyValues")
		kind := in.String(element+".ContextKeyType", query.OneOf("string", "stringList", "numeric", "numericList", "boolean",
			"booleanList", "ip", "ipList", "binary", "binaryList", "date", "dateList"))
		switch list := strings.HasSuffix(kind, "List"); {
		case name == "":
		case list:
			s.context.SetList(name, values...)
		case len(values) == 1:
			s.context.Set(name, values[0])
		case len(values) > 1:
			return invalidInput("The context key %s has several values but is not of a list type.", name)
		}
	}
	return nil
}

func (s *simulation) setPolicies(inputs, boundaries []string, own, owner string) error {
	for i, text := range inputs {
		p, err := parseInput(fmt.Sprintf("PolicyInputList.%d", i+1), text)
		if err != nil {
			return err
		}
		s.identity = append(s.identity, p)
	}
	if len(boundaries) > 1 {
		return invalidInput("Only one permissions boundary policy can be simulated.")
	}
	for i, text := range boundaries {
		p, err := parseInput(fmt.Sprintf("PermissionsBoundaryPolicyInputList.%d", i+1), text)
		if err != nil {
			return err
		}
		s.boundary = &p
	}
	if own != "" {
		p, err := parseInput("ResourcePolicy", own)
		if err != nil {
			return err
		}
		s.resource = &p
	}
	if owner == "" {
		return nil
	}
	parts := strings.SplitN(owner, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return invalidInput("'%s' is not a valid as a Resource Owner.", owner) // field reports; the words are AWS's
	}
	s.owner = parts[4]
	return nil
}

func parseInput(name, text string) (policy.Named, error) {
	d, err := policy.Parse([]byte(text))
	if err != nil {
		return policy.Named{}, invalidInput("Invalid policy in %s: %s", name, policy.Message(err, policy.Identity))
	}
	return policy.Named{Name: name, Document: d}, nil
}

func (s *Service) simulateCustomPolicy(r *access.Request) (any, error) {
	r.In.RequireList("PolicyInputList")
	sim, err := readSimulation(r)
	if err != nil {
		return nil, err
	}
	if err := authorize(r, "SimulateCustomPolicy", "*"); err != nil {
		return nil, err
	}
	return sim.run(r.Note)
}

// simulatePrincipalPolicy simulates the policies that a user, group or role
// has, with those of the call beside them; a boundary of the call takes the
// place of its own.
func (s *Service) simulatePrincipalPolicy(r *access.Request) (any, error) {
	source := r.In.Required("PolicySourceArn", arnRules...)
	sim, err := readSimulation(r)
	if err != nil {
		return nil, err
	}
	i, err := allowedSource(r, "SimulatePrincipalPolicy", source)
	if err != nil {
		return nil, err
	}
	if !r.In.Has("CallerArn") {
		explicit := sim.context.Clone()
		sim.setCaller(r, i.arn)
		if id, ok := explicit.Get("aws:userid"); ok && id[0] != stubPrincipal {
			sim.context.Set("aws:userid", id[0])
		}
	}
	own, boundary, err := policiesOf(r, i)
	if err != nil {
		return nil, err
	}
	sim.identity = append(own, sim.identity...)
	if sim.boundary == nil {
		sim.boundary = boundary
	}
	return sim.run(r.Note)
}

// allowedSource authorises a call about the identity of an ARN and finds it by
// its name, whatever the path (observed).
func allowedSource(r *access.Request, action, arn string) (identity, error) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) == 6 && parts[4] == r.Caller.Account.ID {
		for _, k := range []kind{user, group, role} {
			if strings.HasPrefix(parts[5], string(k)+"/") {
				return k.allowed(r, action, nameOf(arn))
			}
		}
	}
	if err := authorize(r, action, arn); err != nil {
		return identity{}, err
	}
	return identity{}, invalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
}

// policiesOf are the policies of an identity with those of its groups, each
// managed one once, and its boundary.
func policiesOf(r *access.Request, i identity) (found []policy.Named, boundary *policy.Named, err error) {
	owners := []identity{i}
	if u, ok := r.Tx.Users.Get(i.id); ok {
		for _, g := range group.all(r) {
			if slices.Contains(u.Groups, g.id) {
				owners = append(owners, g)
			}
		}
	}
	seen := map[string]bool{}
	for _, owner := range owners {
		for _, p := range owner.grants.Inline {
			d, err := r.Policies.Compile(p.Document)
			if err != nil {
				return nil, nil, err
			}
			found = append(found, policy.Named{Name: string(owner.kind) + "_" + owner.name + "_" + p.Name, Document: d})
		}
		for _, arn := range owner.grants.Attached {
			p, ok, err := managedNamed(r, arn)
			if err != nil {
				return nil, nil, err
			}
			if ok && !seen[arn] {
				found = append(found, p)
			}
			seen[arn] = true
		}
	}
	if i.boundary != "" {
		p, _, err := managedNamed(r, i.boundary)
		if err != nil {
			return nil, nil, err
		}
		boundary = &p
	}
	return found, boundary, nil
}

// managedNamed is a managed policy by its friendly name.
func managedNamed(r *access.Request, arn string) (policy.Named, bool, error) {
	p, ok := policyOf(r, arn)
	if !ok {
		return policy.Named{Name: arn}, false, nil
	}
	d, err := r.Policies.Compile(p.Document)
	return policy.Named{Name: p.Name, Document: d}, true, err
}
