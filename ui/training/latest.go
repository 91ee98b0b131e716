package training

import "context"

// latest reads beside the window and hands over what was read, unless another reading was begun since, which reads counts.
func latest[T any](h host, reads *int, read func(ctx context.Context) (T, error), use func(T)) {
	*reads++
	mine := *reads
	h.Go(func(ctx context.Context) {
		got, err := read(ctx)
		h.Post(func() {
			switch {
			case mine != *reads:
			case err != nil:
				h.ShowError(err)
			default:
				use(got)
			}
		})
	})
}
