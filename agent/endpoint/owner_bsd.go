//go:build unix && !linux

package endpoint

// watch watches a process by its number: there is no descriptor of one.
func watch(pid int) (owner, error) { return watchByNumber(pid) }
