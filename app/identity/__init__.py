"""Who asks: verified access tokens, the permissions they carry, and our users behind them."""
