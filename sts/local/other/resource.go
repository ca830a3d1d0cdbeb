package other

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// maxResources bounds how many resources a call is authorised on; ours.
const maxResources = 1000

// A Place is where a call's resources are that don't say so themselves.
type Place struct{ Partition, Region, Account string }

func (p Place) arn(service, resource string) string {
	return "arn:" + p.Partition + ":" + service + ":" + p.Region + ":" + p.Account + ":" + resource
}

// Resources are the ARNs that the call is about, "*" where none can be read:
// parameters that are ARNs, and those that name a table, an instance, a queue
// or a function.
func (c Call) Resources(p Place) []string {
	found := map[string]bool{}
	switch c.Service {
	case "dynamodb":
		c.tables(p, c.object, found)
	case "ec2":
		c.ec2(p, found)
	case "lambda":
		c.function(p, found)
	case "sqs":
		c.queue(p, found)
	}
	for name, value := range c.parameters() {
		if strings.HasSuffix(strings.ToLower(name), "arn") && strings.HasPrefix(value, "arn:") {
			found[value] = true
		}
	}
	if len(found) == 0 || len(found) > maxResources {
		return []string{"*"}
	}
	return slices.Sorted(maps.Keys(found))
}

// parameters are the texts that the call gives by name at the top.
func (c Call) parameters() map[string]string {
	if c.form != nil {
		return c.form
	}
	texts := map[string]string{}
	for name, value := range c.object {
		if text, ok := value.(string); ok {
			texts[name] = text
		}
	}
	return texts
}

// tables finds DynamoDB's tables and indexes, in batches and transactions too
// (Service Authorization Reference, "Amazon DynamoDB").
func (c Call) tables(p Place, value any, found map[string]bool) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			c.tables(p, item, found)
		}
	case map[string]any:
		if name, ok := v["TableName"].(string); ok && name != "" {
			arn := tableARN(p, name)
			if index, ok := v["IndexName"].(string); ok && index != "" {
				arn += "/index/" + index
			}
			found[arn] = true
		}
		if batch, ok := v["RequestItems"].(map[string]any); ok {
			for name := range batch {
				found[tableARN(p, name)] = true
			}
		}
		c.tables(p, v["TransactItems"], found)
		for _, kind := range []string{"Get", "Put", "Update", "Delete", "ConditionCheck"} {
			if item, ok := v[kind].(map[string]any); ok {
				c.tables(p, item, found)
			}
		}
	}
}

func tableARN(p Place, name string) string {
	if strings.HasPrefix(name, "arn:") {
		return name
	}
	return p.arn("dynamodb", "table/"+name)
}

// ec2IDs is the form of EC2's ids, whose beginning says what they are of.
var ec2IDs = regexp.MustCompile(`^([a-z]+)-[0-9a-f]{8,17}$`)

var ec2Kinds = map[string]string{
	"i": "instance", "vol": "volume", "snap": "snapshot", "sg": "security-group", "vpc": "vpc",
	"subnet": "subnet", "eni": "network-interface", "rtb": "route-table", "igw": "internet-gateway",
	"nat": "natgateway", "eipalloc": "elastic-ip", "acl": "network-acl", "lt": "launch-template",
}

// ec2 finds the resources of calls that change something: the others' policies
// name none (Service Authorization Reference, "Amazon EC2": Describe*).
func (c Call) ec2(p Place, found map[string]bool) {
	if strings.HasPrefix(c.Operation, "Describe") {
		return
	}
	for _, value := range c.form {
		if m := ec2IDs.FindStringSubmatch(value); m != nil {
			if kind, ok := ec2Kinds[m[1]]; ok {
				found[p.arn("ec2", kind+"/"+value)] = true
			}
		}
	}
}

// function finds the function that a path names: /VERSION/functions/NAME.
func (c Call) function(p Place, found map[string]bool) {
	at := slices.Index(c.path, "functions")
	if at < 0 || at+1 >= len(c.path) {
		return
	}
	name := c.path[at+1]
	if !strings.HasPrefix(name, "arn:") {
		name = p.arn("lambda", "function:"+name)
	}
	found[name] = true
}

// queue finds the queue of a call, by its name or by its URL, whose last two
// parts are the account that has it and its name (SQS Developer Guide, "Queue
// and message identifiers"; SQS API reference, GetQueueUrl).
func (c Call) queue(p Place, found map[string]bool) {
	all := c.parameters()
	name := all["QueueName"]
	if owner := all["QueueOwnerAWSAccountId"]; accountID.MatchString(owner) {
		p.Account = owner
	}
	if url := all["QueueUrl"]; url != "" {
		parts := strings.Split(url, "/")
		name = parts[len(parts)-1]
		if len(parts) > 1 && accountID.MatchString(parts[len(parts)-2]) {
			p.Account = parts[len(parts)-2]
		}
	}
	if name != "" {
		found[p.arn("sqs", name)] = true
	}
}

var accountID = regexp.MustCompile(`^\d{12}$`)
