package engine

import "time"

// AgeRestarts makes all restarts so far d older.
func (c *Client) AgeRestarts(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.restarts {
		c.restarts[i] = c.restarts[i].Add(-d)
	}
}
