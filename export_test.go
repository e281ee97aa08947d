package outwork

// NoBarrier lets results overtake what was printed before them.
func (m *Manager) NoBarrier() { m.noBarrier = true }
