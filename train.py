"""Train a facial expression network: `python train.py --help` shows how; the program is `fer_hub.training.main`."""

from fer_hub.training.main import main

if __name__ == "__main__":
    main()
