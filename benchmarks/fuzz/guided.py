def start(folder, seconds):
    return None


def collect(guide, folder):
    return {}
